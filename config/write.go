package config

import (
	"fmt"
	"io"
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// Write prints every setting, its value and where that came from. Secrets are
// hidden.
func (l *Loaded) Write(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, key := range slices.Sorted(maps.Keys(rules)) {
		fmt.Fprintf(t, "%s\t%s\t%s\n", key, l.Redacted(key), l.source[key])
	}
	return t.Flush()
}

// Redacted is the value of a setting as people may see it.
func (l *Loaded) Redacted(key string) string {
	return shown(key, l.Config.field(key))
}

// field is the value of the setting with this key.
func (c *Config) field(key string) any {
	v := reflect.ValueOf(*c)
	for part := range strings.SplitSeq(key, ".") {
		for i := range v.NumField() {
			if v.Type().Field(i).Tag.Get("koanf") == part {
				v = v.Field(i)
				break
			}
		}
	}
	return v.Interface()
}

// shown is a value as people may see it: without keys and passwords.
func shown(key string, value any) string {
	switch v := value.(type) {
	case string:
		if key == "keys" {
			return "(hidden)"
		}
		if key == "broker" {
			return hidePassword(v)
		}
		return fmt.Sprintf("%q", v)
	case []string:
		if key == "keys" && len(v) > 0 {
			return fmt.Sprintf("(%d hidden)", len(v))
		}
		return "[" + strings.Join(v, ", ") + "]"
	case []Route:
		pairs := make([]string, len(v))
		for i, r := range v {
			pairs[i] = r.Path + "=" + r.Hub
		}
		return "[" + strings.Join(pairs, ", ") + "]"
	case time.Duration:
		return v.String()
	}
	if key == "keys" {
		return "(hidden)"
	}
	return fmt.Sprint(value)
}

// hidePassword is a URL without its password; what is no URL may be one with a
// mistake in it, so it is shown only up to the user's part.
func hidePassword(s string) string {
	if u, err := url.Parse(s); err == nil {
		return fmt.Sprintf("%q", u.Redacted())
	}
	if _, _, secret := strings.Cut(s, "@"); secret {
		return "(hidden: it has a user's part)"
	}
	return fmt.Sprintf("%q", s)
}
