package redisstream

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/VictoriaMetrics/metrics"
	"github.com/redis/go-redis/v9"
	"github.com/tidegate/tidegate/broker"
)

// FuzzEntry: whatever stands in an entry, it is passed over, or a mark, or a message whose
// parts may be put into a frame as they are; and that is written and read as the same.
func FuzzEntry(f *testing.F) {
	f.Add("data", `{"a":1}`, "type", "json", "meta", `{"k":"v"}`)
	f.Add("data", "\xff", "type", "binary", "user", "\xff")
	f.Add("data", `"\ud800"`, "meta", "{\"k\":\"\xff\"}", "conn", "c")
	f.Add("data", "1", "meta", "[]", "id", "i")
	f.Add("lost", "here", "", "", "type", "text")
	f.Add("lost", "here", "data", "x", "type", "text")
	f.Add("data", " [ ] ", "meta", " {} ", "type", "")
	b := &Broker{config: Config{Prefix: "tg", Log: slog.New(slog.DiscardHandler)}}
	b.counts.init(metrics.NewSet(), b)
	g, at := broker.Group{Hub: "chat", Name: "g"}, broker.Position{Ms: 1}
	f.Fuzz(func(t *testing.T, name1, value1, name2, value2, name3, value3 string) {
		fields := map[string]any{name1: value1, name2: value2, name3: value3}
		skipped := b.counts.skippedNoData.Get() + b.counts.skippedBadData.Get()
		m := b.decode(g, at, redis.XMessage{ID: "1-0", Values: fields})
		_, hasData := fields["data"]
		_, hasLost := fields["lost"]
		if passed := b.counts.skippedNoData.Get() + b.counts.skippedBadData.Get() - skipped; (m == nil) != (passed == 1) {
			t.Fatalf("%q is read as %+v, and %d were counted", fields, m, passed)
		}
		if m == nil || m.Lost {
			if m != nil && (hasData || !hasLost) || m == nil && hasLost && !hasData {
				t.Fatalf("%q is read as %+v", fields, m)
			}
			return
		}
		switch {
		case string(m.Data) != fields["data"], m.Group != g, m.Position != at:
			t.Fatalf("%q is read as %+v", fields, m)
		case !slices.Contains([]broker.DataType{broker.JSON, broker.Text, broker.Binary}, m.Type):
			t.Fatalf("%q has type %q", fields, m.Type)
		case m.Type != broker.Binary && !utf8.Valid(m.Data), m.Type == broker.JSON && !json.Valid(m.Data):
			t.Fatalf("%q would spoil a frame", fields)
		}
		var meta map[string]any
		if m.Meta != "" && (!utf8.ValidString(m.Meta) || json.Unmarshal([]byte(m.Meta), &meta) != nil || meta == nil) {
			t.Fatalf("metadata %q would spoil a frame", m.Meta)
		}
		values, again := encode(m), make(map[string]any)
		for i := 0; i < len(values); i += 2 {
			again[values[i].(string)] = fmt.Sprintf("%s", values[i+1])
		}
		if second := b.decode(g, at, redis.XMessage{ID: "1-0", Values: again}); !reflect.DeepEqual(second, m) {
			t.Fatalf("%+v is written as %q and read as %+v", m, again, second)
		}
	})
}

// FuzzURL: what is read of a broker's URL is what is in it, nobody's certificate goes
// unlooked at, and no error has the password.
func FuzzURL(f *testing.F) {
	f.Add("redis", "user", "@h:6379/0")
	f.Add("unix", "", "@/run/redis.sock?db=0")
	f.Add("rediss+sentinel", "u", "@a,b:1,[::1]:2/mymaster?db=4&sentinel_username=u&sentinel_password=x")
	f.Add("redis+cluster", "u", "@a,,b")
	f.Add("rediss", "%zz", "@h?skip_verify=true")
	f.Add("rediss", "u", "@h?Skip_Verify=true")
	f.Add("redis", "u", "@h:1?protocol=2&max_retries=5&read_timeout=1h")
	f.Add("redis", "u", "/@h")
	const secret = "s3cretPassw0rd"
	f.Fuzz(func(t *testing.T, scheme, user, rest string) {
		address := scheme + "://" + user + ":" + secret + rest
		got, err := parse(address, TLS{})
		if err != nil {
			if strings.Contains(err.Error(), secret) || strings.ContainsAny(err.Error(), "\r\n") {
				t.Fatalf("%q: %v", address, err)
			}
			return
		}
		protocol, kind, _ := strings.Cut(scheme, "+")
		o := got.options
		switch {
		case got.kind != kind, o.MaxRetries != -1, o.Protocol != 3, o.ReadTimeout != timeout, o.PoolSize != 8:
			t.Fatalf("%q: %+v", address, o)
		case (o.TLSConfig != nil) != (protocol == "rediss"), o.TLSConfig != nil && o.TLSConfig.InsecureSkipVerify:
			t.Fatalf("%q: %+v", address, o.TLSConfig)
		case got.sentinels != nil && (got.sentinels.TLSConfig != nil) != (protocol == "rediss"):
			t.Fatalf("%q: the Sentinels are asked without TLS", address)
		case kind != "" && (len(got.seeds) == 0 || slices.Contains(got.seeds, "")), kind == "sentinel" && got.name == "":
			t.Fatalf("%q: %q", address, got.seeds)
		case kind == "cluster" && o.DB != 0, o.DB < 0:
			t.Fatalf("%q: database %d", address, o.DB)
		}
		if u, err := url.Parse(address); err == nil && u.User != nil && kind == "" {
			if password, _ := u.User.Password(); o.Password != password || o.Username != u.User.Username() {
				t.Fatalf("%q: user %q, password %q", address, o.Username, o.Password)
			}
		}
	})
}
