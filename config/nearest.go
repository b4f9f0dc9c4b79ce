package config

import (
	"iter"
	"strings"

	"github.com/agnivade/levenshtein"
)

// nearest is the known name that was most likely meant.
func nearest(name string, known iter.Seq[string]) string {
	best, distance := "", -1
	for k := range known {
		d := levenshtein.ComputeDistance(strings.ToLower(name), strings.ToLower(k))
		// A setting's last part without its section is a frequent mistake.
		if _, last, ok := strings.Cut(k, "."); ok && last == name {
			d = 0
		}
		if distance < 0 || d < distance || d == distance && k < best {
			best, distance = k, d
		}
	}
	return best
}
