package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	parser "github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/rawbytes"
	"github.com/knadh/koanf/v2"
	"go.yaml.in/yaml/v3"
)

// yaml adds a layer from YAML. The source of each setting gets the line that it
// stands in, if withLine. The file is parsed twice, because koanf's parser gives
// values without lines; it is read once, at start.
func (l *loading) yaml(content []byte, source string, withLine bool) {
	lines, err := settingLines(content)
	if err != nil {
		l.yamlError(source, err)
		return
	}
	k := koanf.New(".")
	if err := k.Load(rawbytes.Provider(content), parser.Parser()); err != nil {
		l.yamlError(source, err)
		return
	}
	all := k.All()
	for _, key := range sortedKeys(all) {
		at := source
		if line := lines.of(key); line > 0 && withLine {
			at = fmt.Sprintf("%s:%d", source, line)
		}
		l.set(key, all[key], at)
	}
}

// yamlError notes why a file cannot be read, each reason in one line. The parser's
// own words have the line.
func (l *loading) yamlError(source string, err error) {
	reasons := []string{strings.TrimPrefix(err.Error(), "yaml: ")}
	var several *yaml.TypeError
	if errors.As(err, &several) {
		reasons = several.Errors
	}
	for _, reason := range reasons {
		l.fail("%s: want settings as valid YAML: %s", source, strings.ReplaceAll(reason, "\n", " "))
	}
}

// settingLine is where each setting of a file stands, and each section.
type settingLine map[string]int

// of is the line of a setting, or that of its section, when the setting came there
// by one of YAML's references; 0 if neither is known.
func (s settingLine) of(key string) int {
	if line, ok := s[key]; ok {
		return line
	}
	section, _, _ := strings.Cut(key, ".")
	return s[section]
}

// settingLines reads where settings stand, and refuses what would be read only in
// part, silently: a second document, and a setting that stands twice, once by its
// full name and once in its section. YAML itself allows both.
func settingLines(content []byte) (settingLine, error) {
	lines := make(settingLine)
	d := yaml.NewDecoder(bytes.NewReader(content))
	var document, second yaml.Node
	if err := d.Decode(&document); errors.Is(err, io.EOF) {
		return lines, nil
	} else if err != nil {
		return nil, err
	}
	if err := d.Decode(&second); err == nil {
		return nil, fmt.Errorf("line %d: a second document begins, and only one is read: take the --- away", second.Line)
	} else if !errors.Is(err, io.EOF) {
		return nil, err
	}
	root := document.Content[0]
	if root.Tag == "!!null" {
		return lines, nil
	}
	if root.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("line %d: want settings, each with its value, such as workers: 4", root.Line)
	}
	return lines, lines.add("", root)
}

// add notes the lines of a mapping's settings. It goes down into sections only, so
// the depth of a file that somebody made to hurt does not matter.
func (s settingLine) add(prefix string, mapping *yaml.Node) error {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		name, value := mapping.Content[i], mapping.Content[i+1]
		key := prefix + name.Value
		if before, twice := s[key]; twice {
			return fmt.Errorf("line %d: %s stands there already, in line %d: take one away", name.Line, quoted(key), before)
		}
		s[key] = name.Line
		if value.Kind != yaml.MappingNode || !isSection(key) {
			continue
		}
		if err := s.add(key+".", value); err != nil {
			return err
		}
	}
	return nil
}
