package config

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/docker/go-units"
)

// rule is what may be the value of one setting.
type rule struct {
	// want completes the sentence "want …" and so is the remedy in every error.
	want string
	// bounds is the range in want, "1 to 256", or empty. default.yaml has it too.
	bounds string
	// parse turns what a layer has, YAML's own types or a string, into the type of
	// the field in Config. It takes that type too.
	parse func(raw any) (value any, ok bool)
	// show is a value of the field's type as people may see it.
	show func(value any) string
	// hide, if there is one, is what a layer has as people may see it.
	hide func(raw any) string
}

// raw is what a layer has as people may see it: in one line, without secrets, and
// of bounded length.
func (r rule) raw(raw any) string {
	if r.hide != nil {
		return r.hide(raw)
	}
	if raw == nil {
		return "nothing"
	}
	text, err := json.Marshal(raw)
	if _, plain := raw.(string); plain || err != nil {
		return quoted(fmt.Sprint(raw))
	}
	if len(text) > 200 {
		return quoted(string(text))
	}
	return string(text)
}

// trimmed is what a layer has as text, for what has one spelling in all layers.
func trimmed(raw any) string { return strings.TrimSpace(fmt.Sprint(raw)) }

// integer is a whole number in a range.
func integer(lowest, highest int) rule {
	bounds := fmt.Sprintf("%d to %d", lowest, highest)
	return rule{
		want:   "a whole number from " + bounds,
		bounds: bounds,
		parse: func(raw any) (any, bool) {
			n, err := strconv.Atoi(trimmed(raw))
			return n, err == nil && n >= lowest && n <= highest
		},
		show: func(value any) string { return fmt.Sprint(value) },
	}
}

// size is a number of bytes in a range, with or without a unit. Units are powers of
// 1024 whether they are written k, KB or KiB, as for memory everywhere.
func size(lowest, highest int) rule {
	bounds := showSize(lowest) + " to " + showSize(highest)
	return rule{
		want:   "a size from " + bounds + ", such as 64KiB or a number of bytes",
		bounds: bounds,
		parse: func(raw any) (any, bool) {
			n, err := units.RAMInBytes(trimmed(raw))
			return int(n), err == nil && n >= int64(lowest) && n <= int64(highest)
		},
		show: showSize,
	}
}

// showSize is a number of bytes with its unit, unless that would round it.
func showSize(value any) string {
	n, _ := value.(int)
	text := units.BytesSize(float64(n))
	if back, err := units.RAMInBytes(text); err == nil && back == int64(n) {
		return text
	}
	return strconv.Itoa(n)
}

// duration is a time in a range: Go's notation, or a number of seconds.
func duration(shortest, longest time.Duration) rule {
	bounds := showDuration(shortest) + " to " + showDuration(longest)
	return rule{
		want:   "a time from " + bounds + ", such as 500ms or a number of seconds",
		bounds: bounds,
		parse: func(raw any) (any, bool) {
			d, ok := parseDuration(trimmed(raw))
			return d, ok && d >= shortest && d <= longest
		},
		show: showDuration,
	}
}

// parseDuration reads both notations. What is no number, or more seconds than a
// duration holds, is refused here: the conversion would make anything of it, and
// on another processor something else.
func parseDuration(text string) (time.Duration, bool) {
	seconds, err := strconv.ParseFloat(text, 64)
	if err != nil {
		d, err := time.ParseDuration(text)
		return d, err == nil
	}
	in := math.Abs(seconds) < math.MaxInt64/float64(time.Second)
	if !in {
		return 0, false
	}
	return time.Duration(seconds * float64(time.Second)), true
}

// showDuration is Go's notation without the zeros at its end.
func showDuration(value any) string {
	d, _ := value.(time.Duration)
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// boolean is a switch. YAML's yes and no are refused in every layer alike: they are
// words in YAML 1.2.
func boolean() rule {
	return rule{
		want: "true or false",
		parse: func(raw any) (any, bool) {
			b, err := strconv.ParseBool(trimmed(raw))
			return b, err == nil
		},
		show: func(value any) string { return fmt.Sprint(value) },
	}
}

// word is one of a few.
func word(all ...string) rule {
	return text("one of "+strings.Join(all, ", "), func(s string) bool { return slices.Contains(all, s) })
}

// text is a string that passes a check.
func text(want string, check func(string) bool) rule {
	return rule{
		want: want,
		parse: func(raw any) (any, bool) {
			s, ok := raw.(string)
			return s, ok && check(s)
		},
		show: func(value any) string { return strconv.Quote(fmt.Sprint(value)) },
	}
}
