package config

import (
	"io"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// errorLine is how every error of Load begins.
var errorLine = regexp.MustCompile(`^(setting [a-z_.]+: .* \(.*\): want |setting [a-z]+ \(.*\): it is a section |unknown setting ".*\(.*\): did you mean |unknown variable ".*did you mean |file .*: want settings as valid YAML: )`)

// FuzzLoad: whatever the layers have, Load answers, each line of an error is one
// error, and what Load accepts is valid and can be shown.
func FuzzLoad(f *testing.F) {
	f.Add("workers: 2", "TIDEGATE_WORKERS=3", "workers", "4")
	f.Add("routes: [{path: '/a/{group}', hub: chat}]", "REDIS_URL=redis://h", "keys", "0123456789abcdef")
	f.Add("limits: 3", "TIDEGATE_=", "", "=")
	f.Add("limits:\n  message_bytes: 64KiB\n", "CHANNEL_LAYER_GROUP_EXPIRY=86400", "routes", "/a/{group}=chat,/b/{group}/=chat")
	f.Add("log: &l {level: warn}\nlimits: {<<: *l}", "UVICORN_WORKERS=2", "origins", "https://example.com,*")
	f.Add("a: {b: {c: d}}\n---\n", "TIDEGATE_PORT=tcp://1", "broker", "redis://:p@h/0?x")
	file := filepath.Join(f.TempDir(), "tidegate.yaml")
	f.Fuzz(func(t *testing.T, content, variable, key, value string) {
		if strings.HasPrefix(variable, fileVariable+"=") {
			return // the file is content's
		}
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		l, err := Load(Sources{File: file, Environ: []string{variable}, Flags: map[string]string{key: value}})
		if err != nil {
			for line := range strings.SplitSeq(err.Error(), "\n") {
				if !errorLine.MatchString(line) {
					t.Errorf("no error of ours: %q", line)
				}
			}
			return
		}
		if errs := l.Config.Validate(); len(errs) > 0 {
			t.Errorf("accepted, and yet %v", errs)
		}
		if err := l.Write(io.Discard); err != nil {
			t.Error(err)
		}
	})
}

// FuzzShow: what is shown of a value is a way to write it, and means the same.
func FuzzShow(f *testing.F) {
	for key := range rules {
		f.Add(key, "1000")
		f.Add(key, "1.5h")
		f.Add(key, "1048577")
	}
	f.Fuzz(func(t *testing.T, key, text string) {
		r, known := rules[key]
		if !known || r.bounds == "" {
			return
		}
		value, ok := r.parse(text)
		if !ok {
			return
		}
		if back, ok := r.parse(r.show(value)); !ok || !reflect.DeepEqual(back, value) {
			t.Errorf("%s=%s is shown as %s, and that is %v", key, text, r.show(value), back)
		}
	})
}

// FuzzSecrets: whatever is around it, and in whichever layer it stands, a password in the
// broker's URL or an access key is in no error and in nothing that is shown.
func FuzzSecrets(f *testing.F) {
	const secret = "s3cretPassw0rd-of-some-length"
	for _, rest := range []string{"@h:6379/0", "@h", "@a,b/m?db=1", "", "/@h", "@h?password=x", "%zz@h", "@h#x", "@:x", ":6379/0", ":1,h:2/m", "\n@h", "'@h", "@[::1"} {
		for i, scheme := range []string{"redis", "rediss+sentinel", "redis+cluster", "unix", "http", "", "redis:", "file:redis", "file"} {
			f.Add(scheme, "user", rest, uint8(i+len(rest)))
		}
	}
	f.Add("A", "0,", "0", uint8(1))
	f.Add("A", "0/", "", uint8(3))
	f.Add("A", "[", "]", uint8(1))
	f.Add("redis+cluster", "h,[", "]:1", uint8(1))
	dir := f.TempDir()
	file, kept := filepath.Join(dir, "tidegate.yaml"), filepath.Join(dir, "broker")
	f.Fuzz(func(t *testing.T, scheme, user, rest string, layer uint8) {
		if strings.Contains(user+rest, secret) {
			return // a host may be shown
		}
		address := scheme + "://" + user + ":" + secret + rest
		quoted := "'" + strings.ReplaceAll(address, "'", "''") + "'"
		layers := []Sources{
			{File: file},
			{Environ: []string{"TIDEGATE_BROKER=" + address, "TIDEGATE_KEYS=" + secret + "," + rest, "REDIS_URL=" + address}},
			{Environ: []string{"REDIS_URL=" + address}},
			{Flags: map[string]string{"broker": address, "keys": secret + "," + user, "auth.jwks": address}},
			{Flags: map[string]string{"broker": "file:" + kept}},
		}
		for path, content := range map[string]string{file: "broker: " + quoted + "\nkeys: [" + secret + ", " + quoted + "]\nauth: {jwks: " + quoted + "}\n", kept: address} {
			if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		var shown strings.Builder
		l, err := Load(layers[int(layer)%len(layers)])
		if err == nil {
			err = l.Write(&shown)
		}
		if err != nil {
			shown.WriteString(err.Error())
		}
		if strings.Contains(shown.String(), secret) {
			t.Fatalf("%q is shown: %s", address, shown.String())
		}
	})
}
