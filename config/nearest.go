package config

import (
	"strings"

	"github.com/agnivade/levenshtein"
)

// nearest is the setting that was most likely meant by a name, be it of a setting
// or of a variable without its prefix.
func nearest(name string) string {
	const longest = 64 // no setting's name is longer, and the comparison is quadratic
	name = flat(name[:min(len(name), longest)])
	best, distance := "", -1
	for _, key := range sortedKeys(rules) {
		candidate := flat(key)
		d := levenshtein.ComputeDistance(name, candidate)
		// A setting without its section, and a section without a setting, are
		// frequent mistakes, and more letters away than others.
		if strings.HasSuffix(candidate, "_"+name) || strings.HasSuffix(name, "_") && strings.HasPrefix(candidate, name) {
			d = 0
		}
		if distance < 0 || d < distance {
			best, distance = key, d
		}
	}
	return best
}

// flat is a name without the differences between settings and variables.
func flat(name string) string {
	return strings.ToLower(strings.ReplaceAll(name, ".", "_"))
}
