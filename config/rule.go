package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/docker/go-units"
)

// rule is what may be the value of one setting. parse turns what a layer has, YAML's
// own types or a string, into the type of the field in Config; want completes the
// sentence "want …" and so is the remedy in every error.
type rule struct {
	want  string
	parse func(raw any) (value any, ok bool)
}

// integer is a whole number in a range.
func integer(lowest, highest int) rule {
	return rule{
		want: fmt.Sprintf("a whole number from %d to %d", lowest, highest),
		parse: func(raw any) (any, bool) {
			n, err := strconv.Atoi(strings.TrimSpace(fmt.Sprint(raw)))
			return n, err == nil && n >= lowest && n <= highest
		},
	}
}

// size is a number of bytes in a range, with or without a unit.
func size(lowest, highest int64) rule {
	return rule{
		want: fmt.Sprintf("a size from %s to %s, such as 64KiB or a number of bytes", units.BytesSize(float64(lowest)), units.BytesSize(float64(highest))),
		parse: func(raw any) (any, bool) {
			n, err := units.RAMInBytes(strings.TrimSpace(fmt.Sprint(raw)))
			return int(n), err == nil && n >= lowest && n <= highest
		},
	}
}

// duration is a time in a range: Go's notation, or a number of seconds.
func duration(shortest, longest time.Duration) rule {
	return rule{
		want: fmt.Sprintf("a time from %s to %s, such as 500ms or a number of seconds", shortest, longest),
		parse: func(raw any) (any, bool) {
			text := strings.TrimSpace(fmt.Sprint(raw))
			d, err := time.ParseDuration(text)
			if seconds, numeric := strconv.ParseFloat(text, 64); numeric == nil {
				d, err = time.Duration(seconds*float64(time.Second)), nil
			}
			return d, err == nil && d >= shortest && d <= longest
		},
	}
}

// boolean is a switch.
func boolean() rule {
	return rule{
		want: "true or false",
		parse: func(raw any) (any, bool) {
			b, err := strconv.ParseBool(strings.TrimSpace(fmt.Sprint(raw)))
			return b, err == nil
		},
	}
}

// word is one of a few.
func word(all ...string) rule {
	return text("one of "+strings.Join(all, ", "), func(s string) bool { return slices.Contains(all, s) })
}

// text is a string that passes a check.
func text(want string, check func(string) bool) rule {
	return rule{want: want, parse: func(raw any) (any, bool) {
		s, ok := raw.(string)
		return s, ok && check(s)
	}}
}

// list is strings that each pass a check; a plain string is split at its commas.
func list(want string, atLeast int, check func(string) bool) rule {
	return rule{want: want, parse: func(raw any) (any, bool) {
		items, ok := stringList(raw)
		if !ok || len(items) < atLeast {
			return nil, false
		}
		for _, item := range items {
			if !check(item) {
				return nil, false
			}
		}
		return items, true
	}}
}

// stringList is raw as strings, without empty ones.
func stringList(raw any) ([]string, bool) {
	items := []string{}
	switch v := raw.(type) {
	case nil:
	case string:
		for item := range strings.SplitSeq(v, ",") {
			items = append(items, strings.TrimSpace(item))
		}
	case []any:
		for _, item := range v {
			s, ok := item.(string)
			if !ok {
				return nil, false
			}
			items = append(items, strings.TrimSpace(s))
		}
	default:
		return nil, false
	}
	return slices.DeleteFunc(items, func(s string) bool { return s == "" }), true
}

// routeList is routes: path=hub pairs in a string, or YAML's list of path and hub.
func routeList() rule {
	return rule{
		want: `paths that begin with "/", have {group} once as a whole segment, and name a hub, such as /ws/chat/{group}/=chat`,
		parse: func(raw any) (any, bool) {
			routes, ok := readRoutes(raw)
			if !ok {
				return nil, false
			}
			for _, r := range routes {
				if !validRoute(r["path"]) || r["hub"] == "" {
					return nil, false
				}
			}
			return routes, true
		},
	}
}

// readRoutes is raw as routes, in the form that they are unmarshalled from.
func readRoutes(raw any) ([]map[string]string, bool) {
	routes := []map[string]string{}
	list, isList := raw.([]any)
	if !isList {
		pairs, ok := stringList(raw)
		for _, pair := range pairs {
			path, hub, _ := strings.Cut(pair, "=")
			routes = append(routes, map[string]string{"path": path, "hub": hub})
		}
		return routes, ok
	}
	for _, item := range list {
		fields, ok := item.(map[string]any)
		path, isPath := fields["path"].(string)
		hub, isHub := fields["hub"].(string)
		if !ok || !isPath || !isHub || len(fields) != 2 {
			return nil, false
		}
		routes = append(routes, map[string]string{"path": path, "hub": hub})
	}
	return routes, true
}
