package server

import (
	"slices"
	"testing"
	"time"

	"github.com/tidegate/tidegate/reactor"
)

// on runs f on the loop of the first worker, with a reliable session of it.
func (n *node) on(f func(s *session)) {
	n.t.Helper()
	ran := make(chan bool, 1)
	if err := n.Workers[0].Post(func(*reactor.Worker) {
		for s := range n.relay.reliables[0].all {
			f(s)
			ran <- true
			return
		}
		ran <- false
	}); err != nil {
		n.t.Fatal(err)
	}
	select {
	case there := <-ran:
		if !there {
			n.t.Fatal("there is no session")
		}
	case <-time.After(patience):
		n.t.Fatal("the loop is stuck")
	}
}

// TestReplayDrained: a connection that takes messages again while a run is being read
// neither has it read twice nor ends the replay without it; and a replay whose session
// does without it reads nothing more.
func TestReplayDrained(t *testing.T) {
	n := start(t, 1, 100)
	c := n.dial("json.reliable.webpubsub.azure.v1", "")
	n.say(2)
	n.expect(c, `{"sequenceId":1,`, `{"sequenceId":2,`)
	n.on(func(s *session) {
		p := newReplay(s, s.reliable.window.runs)
		runs := slices.Clone(p.runs)
		s.reliable.replay = p
		for range runs {
			p.hand()
			s.Drained(s.conn)
			s.Drained(s.conn)
		}
		if s.reliable.replay != p || len(p.runs) != len(runs)-1 {
			t.Errorf("the replay is over, or has %d runs to be read of %d, before the first was", len(p.runs), len(runs))
		}
		gone := newReplay(s, nil)
		gone.retry(runs[0])
		if gone.reading || len(gone.runs) > 0 {
			t.Error("a replay that is nobody's is tried again")
		}
	})
	n.expect(c, `{"sequenceId":1,`, `{"sequenceId":2,`)
	n.say(1)
	n.expect(c, `{"sequenceId":3,`)
}
