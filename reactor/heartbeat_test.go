package reactor

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// TestHeartbeat: a silent client is pinged; one that answers stays, one that does
// not is closed.
func TestHeartbeat(t *testing.T) {
	r := start(t, Config{Workers: 1, Heartbeat: 40 * time.Millisecond, HeartbeatTimeout: 400 * time.Millisecond, CloseTimeout: 100 * time.Millisecond})
	answers, silent := newPeer(nil), newPeer(nil)
	alive := connect(t, r, answers)
	dead := connect(t, r, silent)
	expect(t, dead, ping.encoded) // and no second one
	for range 5 {
		expect(t, alive, ping.encoded)
		send(t, alive, frame(ws.OpPong, ""))
	}
	pinging := make(chan struct{})
	stop := make(chan struct{})
	go func() {
		defer close(pinging)
		for {
			select {
			case <-stop:
				return
			case <-time.After(10 * time.Millisecond):
				_, _ = alive.Write(frame(ws.OpPong, "")) // any byte is a sign of life
			}
		}
	}()
	expect(t, dead, answerClose(1008, "heartbeat timeout"))
	if why := within(t, "Closed", silent.closed); why != HeartbeatTimeout {
		t.Errorf("the silent one was closed with %s", why)
	}
	close(stop)
	<-pinging
	if len(answers.closed) != 0 {
		t.Errorf("the one that answers was closed with %s", <-answers.closed)
	}
}

// TestRound: however connections come and go, each is looked at within a round and
// a beat: a round of a list that shrinks meanwhile is a little shorter.
func TestRound(t *testing.T) {
	config, err := Config{}.complete()
	if err != nil {
		t.Fatal(err)
	}
	w := &Worker{config: &config}
	w.sweep.init(&config)
	add := func() {
		w.conns = append(w.conns, &Conn{worker: w, index: int32(len(w.conns)), state: gone}) // so that to be looked at does nothing
	}
	for range 500 {
		add()
	}
	random := rand.New(rand.NewPCG(1, 2))
	for round := range 20 {
		start := append([]*Conn(nil), w.conns...)
		seen, left := make(map[*Conn]int), make(map[*Conn]bool)
		for range w.sweep.round + 1 {
			from := w.sweep.cursor
			for i := range (len(w.conns) + w.sweep.round - 1) / w.sweep.round {
				seen[w.conns[(from+i)%len(w.conns)]]++
			}
			w.beat()
			for range 3 {
				c := w.conns[random.IntN(len(w.conns))]
				w.sweep.forget(w, c)
				left[c] = true
			}
		}
		for i, c := range start {
			if !left[c] && seen[c] == 0 {
				t.Fatalf("round %d: connection %d of %d was not looked at", round, i, len(start))
			}
		}
		for i, c := range w.conns {
			if int(c.index) != i {
				t.Fatalf("connection %d believes to be %d", i, c.index)
			}
		}
		for len(w.conns) < 500 {
			add()
		}
	}
}

// reminded counts reminders.
type reminded struct {
	Handler
	n int
}

func (r *reminded) Due(*Conn) { r.n++ }

// TestBout: what a beat asks for is done some at a time, each once, and nothing is left when
// the next beat comes.
func TestBout(t *testing.T) {
	config, err := Config{}.complete()
	if err != nil {
		t.Fatal(err)
	}
	w := &Worker{config: &config}
	w.inbox.closed = true // the test posts the bouts
	w.sweep.init(&config)
	f := func(connections, most int) {
		t.Helper()
		var r reminded
		w.conns, w.sweep.cursor = nil, 0
		for i := range connections {
			w.conns = append(w.conns, &Conn{worker: w, index: int32(i), state: open, due: 1, handler: &r})
		}
		slice := (connections + w.sweep.round - 1) / w.sweep.round
		w.beat()
		bouts := 1
		for before := 0; w.sweep.owed > 0; bouts++ {
			if n := r.n - before; n != most {
				t.Fatalf("%d connections: %d in bout %d, want %d", connections, n, bouts, most)
			}
			before, most = r.n, max(bout, w.sweep.owed/w.sweep.bouts)
			w.look()
		}
		if r.n != slice || w.sweep.cursor != slice {
			t.Errorf("%d of %d: %d were looked at, the next is %d", slice, connections, r.n, w.sweep.cursor)
		}
	}
	f(1, 1)
	f(bout*w.sweep.round, bout)
	f(10*bout*w.sweep.round, bout)
	f(100*bout*w.sweep.round, 100*bout/w.sweep.bouts)
}

// TestBeats: the times of a config in beats.
func TestBeats(t *testing.T) {
	f := func(heartbeat, timeout, close, beat time.Duration, round int) {
		t.Helper()
		c := Config{Heartbeat: heartbeat, HeartbeatTimeout: timeout, CloseTimeout: close}
		var s sweep
		s.init(&c)
		if c.beatTime() != beat || s.round != round {
			t.Errorf("a beat of %s, %d a round, want %s, %d", c.beatTime(), s.round, beat, round)
		}
		if got := time.Duration(s.close) * beat; got < close || got > close+beat {
			t.Errorf("the close timeout is %s in beats, want %s", got, close)
		}
	}
	f(20*time.Second, 60*time.Second, 5*time.Second, 156250*time.Microsecond, 8)
	f(20*time.Second, 60*time.Second, 20*time.Second, 250*time.Millisecond, 20)
	f(time.Second, 1010*time.Millisecond, time.Second, time.Millisecond, 3)
}
