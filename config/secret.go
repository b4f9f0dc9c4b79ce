package config

import (
	"errors"
	"io"
	"io/fs"
	"net/url"
	"os"
	"regexp"
	"strings"
)

// hidden stands for a value of which nothing can be shown.
const hidden = "(hidden, since it may have a password in it)"

// fileReference is what a secret begins with that stands in a file.
const fileReference = "file:"

// validAccessKey is a key itself, or where some are.
func validAccessKey(s string) bool {
	path, isFile := strings.CutPrefix(s, fileReference)
	return isFile && path != "" || !isFile && len(s) >= 16
}

// role is what the client protocol has.
var role = regexp.MustCompile(`^webpubsub\.(joinLeaveGroup|sendToGroup)($|\..|s\..)`)

func validRole(s string) bool { return role.MatchString(s) }

// keySetURL is an address that is safe to take keys from, or none: what comes over plain
// HTTP anybody on the way may have changed. A user in it is refused, since the address is logged.
func keySetURL() rule {
	r := text(`an address such as https://issuer.example/.well-known/jwks.json, without a user in it, http on loopback only, or "" for none`, func(s string) bool {
		u, err := url.Parse(s)
		if s == "" || err != nil || u.Hostname() == "" || u.User != nil {
			return s == ""
		}
		return u.Scheme == "https" || u.Scheme == "http" && loopbackHost(u.Hostname())
	})
	r.show, r.hide = hidePassword, hidePassword
	return r
}

// resolve puts the broker's URL in the place of the file that has it.
func (l *loading) resolve() {
	const key = "broker"
	reference, _ := l.values[key].(string)
	path, isFile := strings.CutPrefix(reference, fileReference)
	if !isFile {
		return
	}
	bad := func(want string) {
		l.wrong[key] = true
		shown := quoted(reference)
		if strings.ContainsAny(path, ":@") {
			shown = hidden // it is no path but the URL itself
		}
		l.errs = append(l.errs, fault{key: key, value: shown, want: want}.from(l.source[key]))
	}
	content, err := readSecret(path)
	switch {
	case err != nil:
		bad("want a file that can be read, with the broker's URL in it: " + err.Error())
	case strings.HasPrefix(content, fileReference):
		bad("want a file with the broker's URL in it, and not another file's path")
	case !validBroker(content):
		bad("want a file with the broker's URL in it, which is " + rules[key].want)
	default:
		l.values[key] = content
	}
}

// readSecret is the content of a small file, without the white space around it. The
// error does not name the file.
func readSecret(path string) (string, error) {
	const longest = 64 << 10
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("it is no file")
	}
	var opened *os.File
	if err == nil {
		opened, err = os.Open(path)
	}
	if bad := new(fs.PathError); errors.As(err, &bad) {
		return "", bad.Err
	} else if err != nil {
		return "", err
	}
	defer opened.Close()
	content, err := io.ReadAll(io.LimitReader(opened, longest))
	return strings.TrimSpace(string(content)), err
}
