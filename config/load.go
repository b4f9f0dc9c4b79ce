package config

import (
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/providers/rawbytes"
	"github.com/knadh/koanf/v2"
)

//go:embed default.yaml
var defaults []byte

// Sources is where settings come from, beside the defaults. The later wins: File,
// then Environ, then Flags.
type Sources struct {
	File    string            // path of a YAML file; empty is TIDEGATE_CONFIG's, or none
	Environ []string          // as os.Environ has it
	Flags   map[string]string // setting -> value
}

// Loaded is the settings in force and where each came from.
type Loaded struct {
	Config  Config
	source  map[string]string // setting -> words for people
	aliases []Alias
}

// Alias is a setting that came from a variable of the former deployment.
type Alias struct{ Key, Variable string }

// Aliases are the settings whose value came from such a variable.
func (l *Loaded) Aliases() []Alias { return l.aliases }

// loading collects layers and what is wrong with them.
type loading struct {
	*Loaded
	values map[string]any // setting -> value in its field's type
	errs   []error
}

// Load reads all layers and checks everything. The error is all that is wrong, one
// line each: the setting, its value, where it came from and what it may be. Load
// reads the file, and nothing else from outside its argument.
func Load(s Sources) (*Loaded, error) {
	l := &loading{Loaded: &Loaded{source: make(map[string]string)}, values: make(map[string]any)}
	l.yaml(defaults, "default")
	file := s.File
	if file == "" {
		file = lookup(s.Environ, "TIDEGATE_CONFIG")
	}
	if file != "" {
		if content, err := os.ReadFile(file); err != nil {
			l.fail("the file of settings cannot be read: %w", err)
		} else {
			l.yaml(content, "file "+file)
		}
	}
	l.environment(s.Environ)
	for _, key := range slices.Sorted(maps.Keys(s.Flags)) {
		l.set(key, s.Flags[key], "flag")
	}
	if len(l.errs) == 0 {
		l.unmarshal()
	}
	if len(l.errs) > 0 {
		return nil, errors.Join(l.errs...)
	}
	return l.Loaded, nil
}

// fail notes an error.
func (l *loading) fail(format string, args ...any) {
	l.errs = append(l.errs, fmt.Errorf(format, args...))
}

// yaml adds a layer from YAML.
func (l *loading) yaml(content []byte, source string) {
	k := koanf.New(".")
	if err := k.Load(rawbytes.Provider(content), yaml.Parser()); err != nil {
		l.fail("%s: %w", source, err)
		return
	}
	all := k.All()
	for _, key := range slices.Sorted(maps.Keys(all)) {
		l.set(key, all[key], source)
	}
}

// environment adds the layer of variables. A variable of our own beats one of the
// former deployment.
func (l *loading) environment(environ []string) {
	for _, variable := range slices.Sorted(maps.Keys(aliases)) {
		if value := lookup(environ, variable); value != "" {
			key := aliases[variable]
			l.aliases = append(l.aliases, Alias{Key: key, Variable: variable})
			l.set(key, value, "environment "+variable+" (alias)")
		}
	}
	known := make(map[string]string, len(rules))
	for key := range rules {
		known[variableOf(key)] = key
	}
	for _, entry := range environ {
		variable, value, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(variable, "TIDEGATE_") || variable == "TIDEGATE_CONFIG" {
			continue
		}
		key, ok := known[variable]
		if !ok {
			l.fail("unknown variable %s; did you mean %s?", variable, nearest(variable, maps.Keys(known)))
			continue
		}
		l.set(key, value, "environment "+variable)
		l.aliases = slices.DeleteFunc(l.aliases, func(a Alias) bool { return a.Key == key })
	}
}

// variableOf is the variable of a setting.
func variableOf(key string) string {
	return "TIDEGATE_" + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

// lookup is the value of a variable, or empty.
func lookup(environ []string, name string) string {
	for _, entry := range slices.Backward(environ) {
		if n, value, ok := strings.Cut(entry, "="); ok && n == name {
			return value
		}
	}
	return ""
}

// set gives a setting the value of a layer.
func (l *loading) set(key string, raw any, source string) {
	r, known := rules[key]
	if !known {
		l.fail("unknown setting %s (%s); did you mean %s?", key, source, nearest(key, maps.Keys(rules)))
		return
	}
	value, ok := r.parse(raw)
	if !ok {
		l.fail("setting %s: %s (%s): want %s", key, shown(key, raw), source, r.want)
		return
	}
	l.values[key], l.source[key] = value, source
}

// unmarshal fills the Config and checks what concerns several settings.
func (l *loading) unmarshal() {
	k := koanf.New(".")
	if err := k.Load(confmap.Provider(l.values, "."), nil); err != nil {
		l.fail("config: %w", err)
		return
	}
	if err := k.Unmarshal("", &l.Config); err != nil {
		l.fail("config: %w", err)
		return
	}
	for i, hub := range l.Config.Hubs {
		l.Config.Hubs[i] = strings.ToLower(hub)
	}
	for i, r := range l.Config.Routes {
		l.Config.Routes[i].Hub = strings.ToLower(r.Hub)
	}
	l.errs = append(l.errs, l.Config.Validate()...)
}
