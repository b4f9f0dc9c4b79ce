package config

import (
	"regexp"
	"slices"
	"strings"
)

// fixedPaths are the gateway's own; no route may hide them.
var fixedPaths = []string{"client", "healthz", "readyz", "api", "metrics", "debug"}

// segment is one part of a path, and needs no percent-encoding.
var segment = regexp.MustCompile(`^[A-Za-z0-9._~-]+$`)

// groupSegment stands in a route's path where a client's path has the group.
const groupSegment = "{group}"

// validPath is a path of plain segments that hides nothing of ours. A path with .
// or .. in it would never be asked for: HTTP servers and clients clean it away.
func validPath(s string) bool {
	path, ok := strings.CutPrefix(s, "/")
	parts := strings.Split(strings.TrimSuffix(path, "/"), "/")
	if !ok || slices.Contains(fixedPaths, parts[0]) {
		return false
	}
	return !slices.ContainsFunc(parts, func(part string) bool {
		return part == "." || part == ".." || !segment.MatchString(part)
	})
}

// validRoute is a path with {group} in it once, but not as its first segment: such
// a route would hide every other path.
func validRoute(s string) bool {
	parts := strings.Split(s, "/")
	i := slices.Index(parts, groupSegment)
	if i < 2 { // the first is empty, before the first slash
		return false
	}
	parts[i] = "group"
	return validPath(strings.Join(parts, "/"))
}

// overlap reports whether some path belongs to both of two routes. The public
// listener could not tell which is meant, and net/http's ServeMux panics at some of
// them. A slash at the end makes another path.
func overlap(a, b string) bool {
	x, y := strings.Split(a, "/"), strings.Split(b, "/")
	if len(x) != len(y) {
		return false
	}
	for i := range x {
		group := x[i] == groupSegment && y[i] != "" || y[i] == groupSegment && x[i] != ""
		if x[i] != y[i] && !group {
			return false
		}
	}
	return true
}

// routeList is routes: path=hub pairs in a string, or YAML's list of path and hub.
func routeList() rule {
	return rule{
		want: `paths that begin with "/", have {group} once as a whole segment but not the first, are not the gateway's own, and name a hub, such as /ws/chat/{group}/=chat`,
		parse: func(raw any) (any, bool) {
			routes, ok := readRoutes(raw)
			for i, r := range routes {
				ok = ok && validRoute(r.Path) && validHub(r.Hub)
				routes[i].Hub = strings.ToLower(r.Hub)
			}
			return routes, ok
		},
		show: func(value any) string {
			routes, _ := value.([]Route)
			pairs := make([]string, len(routes))
			for i, r := range routes {
				pairs[i] = r.String()
			}
			return "[" + strings.Join(pairs, ", ") + "]"
		},
	}
}

// readRoutes is raw as routes. The slice is the caller's own.
func readRoutes(raw any) ([]Route, bool) {
	switch v := raw.(type) {
	case []Route:
		return slices.Clone(v), true
	case []any:
		return yamlRoutes(v)
	}
	pairs, ok := stringList(raw)
	routes := make([]Route, len(pairs))
	for i, pair := range pairs {
		path, hub, _ := strings.Cut(pair, "=")
		routes[i] = Route{Path: strings.TrimSpace(path), Hub: strings.TrimSpace(hub)}
	}
	return routes, ok
}

// yamlRoutes is the items of YAML's list as routes: a mapping of path and hub, or a
// pair as in the other layers.
func yamlRoutes(items []any) ([]Route, bool) {
	routes := make([]Route, len(items))
	for i, item := range items {
		if pair, ok := item.(string); ok {
			one, _ := readRoutes(pair)
			if len(one) != 1 {
				return nil, false
			}
			routes[i] = one[0]
			continue
		}
		fields, _ := item.(map[string]any)
		path, isPath := fields["path"].(string)
		hub, isHub := fields["hub"].(string)
		if !isPath || !isHub || len(fields) != 2 {
			return nil, false
		}
		routes[i] = Route{Path: path, Hub: hub}
	}
	return routes, true
}
