package config

import (
	"fmt"
	"io"
	"reflect"
	"strings"
	"text/tabwriter"
)

// Write prints every setting, its value and where that came from, in columns and
// in the order of their names. Secrets are hidden.
func (l *Loaded) Write(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, key := range sortedKeys(rules) {
		if _, err := fmt.Fprintf(t, "%s\t%s\t%s\n", key, l.Redacted(key), l.source[key]); err != nil {
			return fmt.Errorf("config: print the settings: %w", err)
		}
	}
	return t.Flush()
}

// Redacted is the value of a setting as people may see it: without keys and
// passwords, and in one line. Empty for what is no setting.
func (l *Loaded) Redacted(key string) string { return l.Config.shown(key) }

// shown is the value of a setting as people may see it.
func (c *Config) shown(key string) string {
	r, known := rules[key]
	if !known {
		return ""
	}
	return r.show(c.field(key))
}

// field is the value of a setting, by the names that koanf unmarshals by, so that
// there is no second list of them. That key is one is the caller's to know: for
// another it could be a whole section, secrets and all.
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
