package redisstream

import (
	"slices"
	"strings"
	"testing"
)

// TestURL: what each URL names.
func TestURL(t *testing.T) {
	f := func(url string, security bool, db int, seeds ...string) {
		t.Helper()
		got, err := parse(url, TLS{})
		if err != nil {
			t.Errorf("%s: %v", url, err)
			return
		}
		o := got.options
		if (o.TLSConfig != nil) != security || o.Username != "user" || o.Password != "pa:s@s" || o.DB != db || o.MaxRetries != -1 || o.Protocol != 3 {
			t.Errorf("%s: %+v", url, o)
		}
		if !slices.Equal(got.seeds, seeds) {
			t.Errorf("%s: %q, want %q", url, got.seeds, seeds)
		}
	}
	const who = "user:pa%3As%40s@"
	f("redis://"+who+"h:1/3", false, 3)
	f("rediss://"+who+"h:1/3", true, 3)
	f("unix://"+who+"/run/redis.sock?db=2", false, 2)
	f("redis+sentinel://"+who+"a:1,b,[::1]:3/mymaster?db=4", false, 4, "a:1", "b:26379", "[::1]:3")
	f("rediss+sentinel://"+who+"a:1/mymaster/5", true, 5, "a:1")
	f("redis+cluster://"+who+"a:1,[::1],c:3/", false, 0, "a:1", "[::1]:6379", "c:3")
	f("rediss+cluster://"+who+"a/0", true, 0, "a:6379")

	s, err := parse("redis+sentinel://"+who+"a/m?sentinel_username=guard&sentinel_password=gate%20", TLS{})
	if err != nil || s.name != "m" || s.sentinels.Username != "guard" || s.sentinels.Password != "gate " {
		t.Errorf("%+v, %v", s, err)
	}
}

// TestWrongURL: a URL that cannot be right is refused at once, with what a right one
// looks like, and without the password that it may have.
func TestWrongURL(t *testing.T) {
	f := func(url, want string) {
		t.Helper()
		_, err := parse(url, TLS{})
		switch {
		case err == nil || !strings.Contains(err.Error(), want):
			t.Errorf("%s: %v, want %q", url, err, want)
		case strings.Contains(err.Error(), "s3cret"):
			t.Errorf("the error has the password: %v", err)
		}
	}
	const who = "user:s3cret@"
	f("redis-sentinel://"+who+"h/master", "want redis+sentinel://")
	f("redis-cluster://"+who+"h", "want redis+cluster://")
	f("http://"+who+"h", "want redis://")
	f("s3cret", "want redis://")
	f("", "want redis://")
	f("unix+cluster://"+who+"h", "want redis://")
	f("redis://"+who+"h:port", "want redis://")
	f("redis://"+who+"h/x", "want redis://")
	f("redis://user:s3cret%zz@h", "percent-encoded")
	f("redis://"+who+"h?s3cret=1", "want redis://")
	f("rediss://"+who+"h?skip_verify=true", "redis.tls.ca_file")
	f("redis+sentinel://"+who+"h:26379", "does not name the master")
	f("redis+sentinel://"+who+"h/m?db=s3cret", "is not a number")
	f("redis+sentinel://"+who+"h/m?s3cret=1", "option that is not known")
	f("redis+sentinel://"+who+"h/m?db=%zz", "options")
	f("redis+sentinel://"+who+"h,/m", "want redis+sentinel://")
	f("redis+sentinel://user:s3/cret@h/m", "want redis+sentinel://")
	f("redis+cluster://"+who, "want redis+cluster://")
	f("redis+cluster://"+who+"h:x", "want redis+cluster://")
	f("redis+cluster://"+who+"h/1", "a Cluster has neither")
	f("redis+cluster://"+who+"h?a=b", "a Cluster has neither")
	f("redis+cluster://"+who+"h#x", "want redis+cluster://")
}
