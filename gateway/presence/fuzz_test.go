package presence

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"maps"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/tidegate/tidegate/broker"
)

// FuzzHeard: whatever is announced, who watches sees what a reading of the announcements
// one after the other comes to; this node's own are no news, and what is none has the
// group read again.
func FuzzHeard(f *testing.F) {
	f.Add([]byte(`{"node":"a","came":[["1","u"],["2",""]]}` + "\n" + `{"node":"b","gone":["1"],"came":[["2","x"]]}` + "\n" + `{"node":"a","gone":["2","3"]}`))
	f.Add([]byte(`{"node":"me","came":[["1","u"]]}`))
	f.Add([]byte(`{"node":"a","came":[["1"],[],["1","u","x"]]}` + "\nnull\n[]\n{}"))
	f.Add([]byte(`{"Node":"a","node":"","came":null,"gone":[null]}`))
	f.Add([]byte("{\"node\":\"\xff\",\"came\":[[\"\\ud800\",\"u\"]]}"))
	f.Fuzz(func(t *testing.T, content []byte) {
		n := &node{t: t, views: make(map[*view]struct{})}
		v := &view{group: lobby}
		n.views[v] = struct{}{}
		k := New(Config{Node: "me", Lease: lease, Workers: 1, Output: Output{Snapshot: n.onSnapshot, Changed: n.onChanged}, Log: slog.New(slog.DiscardHandler), Metrics: metrics.NewSet()})
		defer k.stop()
		k.audience(0, watch{lobby, v})
		r := k.rosters[lobby]
		r.opening, r.open, r.loading, r.stale = false, true, true, false
		k.loading = 1
		k.loaded(r, nil, nil, nil)
		k.tell(r, time.Now())
		r.stale = false

		want, stale := make(map[string]map[string]bool), false
		for line := range bytes.SplitSeq(content, []byte("\n")) {
			k.heard([]*broker.Message{{Group: changesOf(lobby), Data: line}})
			var c change
			if json.Unmarshal(line, &c) != nil || c.Node == "" {
				stale = true
				continue
			}
			if want[c.Node] == nil {
				want[c.Node] = make(map[string]bool)
			}
			for _, one := range c.Came {
				want[c.Node][one[0]] = true
			}
			for _, one := range c.Gone {
				delete(want[c.Node], one)
			}
		}
		all := make(map[string]bool)
		for node, part := range want {
			if node != "me" {
				maps.Copy(all, part)
			}
		}
		k.tell(r, time.Now())
		if r.stale != stale || len(v.members) != len(all) {
			t.Fatalf("%q: %v is seen, want %v; to be read again: %v, want %v", content, v.members, all, r.stale, stale)
		}
		for connection := range all {
			if _, ok := v.members[connection]; !ok {
				t.Fatalf("%q: %v is seen, want %v", content, v.members, all)
			}
		}
	})
}
