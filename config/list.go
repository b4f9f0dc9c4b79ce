package config

import (
	"slices"
	"strings"
)

// list is strings that each pass a check; a plain string is split at its commas.
// Empty items do not count, so that a comma at the end is no mistake.
func list(want string, atLeast int, check func(string) bool) rule {
	return rule{
		want: want,
		parse: func(raw any) (any, bool) {
			items, ok := stringList(raw)
			ok = ok && len(items) >= atLeast && !slices.ContainsFunc(items, func(s string) bool { return !check(s) })
			return items, ok
		},
		show: func(value any) string {
			items, _ := value.([]string)
			return "[" + strings.Join(items, ", ") + "]"
		},
	}
}

// lowerList is a list whose items are taken in lower case, each once: the same hub
// in two spellings is one, and its clients should meet.
func lowerList(want string, atLeast int, check func(string) bool) rule {
	r := list(want, atLeast, check)
	parse := r.parse
	r.parse = func(raw any) (any, bool) {
		value, ok := parse(raw)
		items, _ := value.([]string)
		for i, item := range items {
			items[i] = strings.ToLower(item)
		}
		slices.Sort(items)
		return slices.Compact(items), ok
	}
	return r
}

// stringList is raw as strings, without empty ones. The slice is the caller's own.
// A number in YAML is refused rather than printed back, since 007 would become 7.
func stringList(raw any) ([]string, bool) {
	items := []string{}
	switch v := raw.(type) {
	case nil:
	case string:
		items = strings.Split(v, ",")
	case []string:
		items = slices.Clone(v)
	case []any:
		for _, item := range v {
			s, ok := item.(string)
			if !ok {
				return nil, false
			}
			items = append(items, s)
		}
	default:
		return nil, false
	}
	for i, item := range items {
		items[i] = strings.TrimSpace(item)
	}
	return slices.DeleteFunc(items, func(s string) bool { return s == "" }), true
}
