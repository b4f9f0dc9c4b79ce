package main

import (
	"context"
	"encoding/json"
	"strconv"
	"testing"

	"github.com/tidegate/tidegate/bench/offender"
)

const (
	// smallScale is how much of an attack of bench hostile is tried here.
	smallScale = 0.05
	// often is how many times each outcome has to come.
	often = 3
)

// soon are further settings with which a small attack has its answer soon, however slow
// the machine is.
var soon = map[string][]string{
	"silent":       {"limits.handshake_timeout=1s"},
	"slow-headers": {"limits.handshake_timeout=1s"},
	"fragments":    {"limits.message_fragments=1000"},
	"crowd":        {"limits.connections_per_address=10"},
	"deaf":         {"limits.send_buffer_bytes=16KiB", "limits.socket_buffer_bytes=16KiB"},
	"pings":        {"limits.messages_per_second=100"},
	"empties":      {"limits.messages_per_second=100"},
	"joins":        {"limits.messages_per_second=100"},
	"publishes":    {"limits.messages_per_second=100"},
	"new-groups":   {"limits.messages_per_second=100"},
	"bulk":         {"limits.bytes_per_second=1MiB"},
}

// TestHostile: in each attack the offenders get what they should, the gateway counts
// it, clients beside them lose nothing and newcomers get in; and when the offenders have
// gone nothing that was theirs is left.
func TestHostile(t *testing.T) {
	for _, a := range offender.Attacks {
		t.Run(a.Name, func(t *testing.T) {
			t.Parallel()
			var flags []string
			for _, s := range append(a.Settings, soon[a.Name]...) {
				flags = append(flags, "--set", s)
			}
			besiege(t, spawn(t, flags...), a)
		})
	}
}

// besiege has an attack go on until its offenders have got what they should.
func besiege(t *testing.T, g *process, a offender.Attack) {
	w := newWitnesses(g)
	w.round()
	before := possessions(g)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	crew := offender.Start(ctx, offender.Target{Public: g.public, Operator: g.operator}, a, smallScale)
	eventually(t, "the offenders have got what they should", func() bool {
		w.round()
		w.newcomer()
		r := crew.Report()
		return r.Connections >= uint64(crew.Size()) && a.Wanted(r.Got, often) && counted(g, a)
	})
	cancel()
	r := crew.Wait()
	t.Logf("%d connections, %d frames: %v", r.Connections, r.Frames, r.Got)
	for _, fault := range a.Faults(r.Got) {
		t.Error(fault)
	}
	w.round()
	eventually(t, "nothing of the offenders is left", func() bool { return possessions(g).within(before) })
	w.round()
	for _, never := range []string{"tidegate_panics_total", "tidegate_worker_restarts_total"} {
		if n := g.metric(never); n != 0 {
			t.Errorf("%s is %v", never, n)
		}
	}
}

// counted reports whether the gateway has counted an attack in everything that it should.
func counted(g *process, a offender.Attack) bool {
	for _, series := range a.Counted {
		if g.metric(series) == 0 {
			return false
		}
	}
	return true
}

// belongings are what a gateway holds for its clients.
type belongings struct{ connections, handshakes, waiting, groups, files float64 }

// possessions reads them.
func possessions(g *process) belongings {
	return belongings{
		connections: g.metric("app_active_connections"), handshakes: g.metric("tidegate_handshakes"),
		waiting: g.metric("tidegate_handshake_queue"), groups: g.metric("tidegate_groups"),
		files: g.metric("process_open_fds"),
	}
}

// within reports whether it is no more than another. The connections over which it is
// asked come and go.
func (b belongings) within(other belongings) bool {
	const asking = 2
	return b.connections <= other.connections && b.handshakes <= asking && b.waiting <= other.waiting &&
		b.groups <= other.groups && b.files <= other.files+asking
}

// witnesses are well-behaved clients beside an attack: one says numbers, which the other
// must hear, each once and in their order.
type witnesses struct {
	g            *process
	one, two     *client
	said         int
	lastPosition string
}

func newWitnesses(g *process) *witnesses {
	w := &witnesses{g: g, one: g.connect("chat"), two: g.connect("chat")}
	w.two.join("witnesses")
	return w
}

// round is one message from one witness to the other.
func (w *witnesses) round() {
	t := w.g.t
	t.Helper()
	w.said++
	w.one.send(`{"type":"sendToGroup","group":"witnesses","data":%d,"ackId":%d}`, w.said, w.said)
	if f := w.one.ack(uint64(w.said)); !f.Success {
		t.Fatalf("message %d: %+v", w.said, f)
	}
	var heard int
	m := w.two.message("witnesses")
	if err := json.Unmarshal(m.Data, &heard); err != nil || heard != w.said || m.Position == w.lastPosition {
		t.Fatalf("heard %s at %s, want %s behind %s", m.Data, m.Position, strconv.Itoa(w.said), w.lastPosition)
	}
	w.lastPosition = m.Position
}

// newcomer is one who gets in beside the attack.
func (w *witnesses) newcomer() {
	w.g.t.Helper()
	c := w.g.connect("chat")
	c.send(`{"type":"ping"}`)
	if f := c.next(); f.Type != "pong" {
		w.g.t.Fatalf("a newcomer got %+v, want a pong", f)
	}
	c.conn.Close()
}
