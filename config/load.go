package config

import (
	_ "embed"
	"errors"
	"fmt"
	"os"

	"github.com/knadh/koanf/providers/confmap"
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

// Loaded is the settings in force and where each came from. It is immutable, so
// any goroutine may read it.
type Loaded struct {
	Config  Config
	source  map[string]string // setting -> words for people
	aliases []Alias
}

// Alias is a setting that came from a variable of the former deployment.
type Alias struct{ Key, Variable string }

// Aliases are the settings whose value in force came from such a variable, by the
// variables' names: the program says in its log that it took them.
func (l *Loaded) Aliases() []Alias { return l.aliases }

// loading collects layers and what is wrong with them.
type loading struct {
	*Loaded
	values map[string]any  // setting -> value in its field's type
	wrong  map[string]bool // settings that some layer has a wrong value for
	errs   []error
}

// Load reads all layers and checks everything. The error is all that is wrong, one
// line each: the setting, its value, where it came from and what it may be.
// Secrets are hidden in it too. Load reads the file, and that of a broker's URL, and
// nothing else from outside its argument.
func Load(s Sources) (*Loaded, error) {
	l := &loading{
		Loaded: &Loaded{source: make(map[string]string)},
		values: make(map[string]any),
		wrong:  make(map[string]bool),
	}
	l.yaml(defaults, "default", false)
	l.file(s)
	l.environment(s.Environ)
	for _, key := range sortedKeys(s.Flags) {
		l.set(key, s.Flags[key], flagSource(key))
	}
	l.resolve()
	l.unmarshal()
	if len(l.errs) > 0 {
		return nil, errors.Join(l.errs...)
	}
	l.aliases = l.tookAliases()
	return l.Loaded, nil
}

// file adds the layer of the file, if one is named.
func (l *loading) file(s Sources) {
	name := s.File
	if name == "" {
		name = lookup(s.Environ, fileVariable)
	}
	if name == "" {
		return
	}
	content, err := os.ReadFile(name)
	if err != nil {
		l.fail("the file of settings cannot be read: %w; --config or %s names it", err, fileVariable)
		return
	}
	l.yaml(content, "file "+name, true)
}

// flagSource is how a flag is called: a few settings have one of their own, which
// --set with their name is another spelling of. An unknown setting is not repeated:
// its error has it already, quoted.
func flagSource(key string) string {
	switch key {
	case "listen", "operator", "broker", "workers":
		return "flag --" + key
	}
	if _, known := rules[key]; !known {
		return "flag --set"
	}
	return "flag --set " + key
}

// fail notes an error.
func (l *loading) fail(format string, args ...any) {
	l.errs = append(l.errs, fmt.Errorf(format, args...))
}

// set gives a setting the value of a layer. A wrong value is noted and leaves the
// layer below in force, so that one mistake makes one error.
func (l *loading) set(key string, raw any, source string) {
	r, known := rules[key]
	switch {
	case !known && isSection(key):
		l.section(key, raw, source)
		return
	case !known:
		l.fail("unknown setting %s (%s): did you mean %s? gateway config lists all", quoted(key), source, nearest(key))
		return
	}
	value, ok := r.parse(raw)
	if !ok {
		l.wrong[key] = true
		l.errs = append(l.errs, fault{key: key, value: r.raw(raw), want: "want " + r.want}.from(source))
		return
	}
	l.values[key], l.source[key] = value, source
}

// section takes a section where a setting should stand. An empty one is what a
// file has whose settings are all commented out, and is fine.
func (l *loading) section(key string, raw any, source string) {
	if settings, ok := raw.(map[string]any); raw == nil || ok && len(settings) == 0 {
		return
	}
	l.fail("setting %s (%s): it is a section and has no value of its own: did you mean %s?", key, source, nearest(key+"."))
}

// unmarshal fills the Config and checks what concerns several settings. What
// concerns one that is wrong by itself is left out: it would be a second error of
// the same mistake.
func (l *loading) unmarshal() {
	k := koanf.New(".")
	if err := k.Load(confmap.Provider(l.values, "."), nil); err != nil {
		l.fail("the settings cannot be joined: %w", err)
		return
	}
	if err := k.Unmarshal("", &l.Config); err != nil {
		l.fail("the settings cannot be joined: %w", err)
		return
	}
	for _, f := range l.Config.relations() {
		if !l.wrong[f.key] && !l.wrong[f.other] {
			l.errs = append(l.errs, f.from(l.source[f.key]))
		}
	}
}
