package main

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/tidegate/tidegate/"

// arrows is which room may import which. A leaf imports nothing of ours. Test
// files may reach further: they stand outside the rooms.
var arrows = map[string][]string{
	"gateway": {"config", "broker", "broker/memory", "broker/redisstream", "reactor",
		"gateway/server", "gateway/api", "gateway/page", "gateway/auth", "gateway/door", "gateway/keyring", "gateway/proxy", "gateway/tlsconn"},
	"gateway/server":     {"reactor", "broker", "gateway/hub", "gateway/wire", "gateway/auth", "gateway/presence", "gateway/address"},
	"gateway/address":    {},
	"gateway/presence":   {"broker"},
	"gateway/api":        {"broker", "gateway/server", "gateway/auth"},
	"gateway/wire":       {},
	"gateway/hub":        {},
	"gateway/auth":       {},
	"gateway/keyring":    {"gateway/auth", "gateway/watch"},
	"gateway/page":       {},
	"gateway/door":       {"gateway/address"},
	"gateway/proxy":      {},
	"gateway/tlsconn":    {"gateway/watch"},
	"gateway/watch":      {},
	"reactor":            {},
	"broker":             {},
	"broker/memory":      {"broker"},
	"broker/redisstream": {"broker"},
	"broker/brokertest":  {"broker"},
	"config":             {},
	"bench":              {"gateway/wire", "bench/offender"},
	"bench/offender":     {"gateway/wire"},

	// Nothing but tests, which know the program from outside.
	"gateway/conformance": {},
}

// only is who may import a foreign engine: one room each, so that it can be
// replaced there.
var only = map[string][]string{
	"github.com/lesismal/nbio":        {"reactor"},
	"github.com/redis/go-redis":       {"broker/redisstream"},
	"github.com/knadh/koanf":          {"config"},
	"github.com/golang-jwt/jwt":       {"gateway/auth"},
	"github.com/MicahParks/jwkset":    {"gateway/auth"},
	"github.com/pires/go-proxyproto":  {"gateway/proxy"},
	"github.com/spf13/cobra":          {"gateway", "bench"},
	"github.com/lesismal/nbio/nbhttp": {},
}

type goPackage struct {
	ImportPath string
	Imports    []string
}

// listPackages asks the go tool for every package of the module.
func listPackages(t *testing.T) []goPackage {
	t.Helper()
	list := exec.Command("go", "list", "-json=ImportPath,Imports", module+"...")
	out, err := list.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []goPackage
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

// TestArrows compares the imports between the rooms, and of the engines, with the
// tables above.
func TestArrows(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range listPackages(t) {
		room := strings.TrimPrefix(p.ImportPath, module)
		allowed, known := arrows[room]
		if !known {
			t.Errorf("room %s is not in the table of arrows: say what it may import", room)
			continue
		}
		seen[room] = true
		for _, imported := range p.Imports {
			if ours, ok := strings.CutPrefix(imported, module); ok && !slices.Contains(allowed, ours) {
				t.Errorf("%s imports %s, which the table of arrows does not allow", room, ours)
			}
			for engine, rooms := range only {
				if strings.HasPrefix(imported, engine) && !slices.Contains(rooms, room) {
					t.Errorf("%s imports %s, which only %v may", room, imported, rooms)
				}
			}
		}
	}
	for room := range arrows {
		if !seen[room] {
			t.Errorf("room %s of the table does not exist", room)
		}
	}
}
