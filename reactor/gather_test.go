package reactor

import (
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// TestGather: what was gathered for runs once, after what else waited to be read, and
// what it sends is written.
func TestGather(t *testing.T) {
	r := start(t, Config{Workers: 1})
	w := r.Workers()[0]
	var order []string // owned by the loop
	read := make(chan struct{}, 10)
	talk := func(c *Conn, payload []byte, _ bool) {
		order = append(order, string(payload))
		if string(payload) == "first" {
			c.Worker().Gather(func(*Worker) {
				order = append(order, "gathered")
				c.Send(NewFrame([]byte("done"), false))
			})
		}
		read <- struct{}{}
	}
	one, two := connect(t, r, newPeer(talk)), connect(t, r, newPeer(talk))
	on(t, w, func(*Worker) {})
	release := hold(t, w)
	send(t, one, frame(ws.OpText, "first"))
	send(t, two, frame(ws.OpText, "second"))
	time.Sleep(20 * time.Millisecond) // for both to be readable when the loop comes round
	release()
	expect(t, one, answer(ws.OpText, "done"))
	<-read
	<-read
	on(t, w, func(*Worker) {
		slices.Sort(order)
		if want := []string{"first", "gathered", "second"}; !slices.Equal(order, want) {
			t.Errorf("ran %q, want each of %q once", order, want)
		}
	})
}

// TestGatherSurvives: a loop that ends loses nothing that was gathered for, and repeats
// nothing; nor does a shutdown.
func TestGatherSurvives(t *testing.T) {
	r := start(t, Config{Workers: 1})
	w := r.Workers()[0]
	ran := make(chan int, 10)
	_ = w.Post(func(w *Worker) {
		w.Gather(func(*Worker) { ran <- 1; runtime.Goexit() })
		w.Gather(func(*Worker) { ran <- 2 })
	})
	for want := 1; want <= 2; want++ {
		if got := within(t, "what was gathered for", ran); got != want {
			t.Errorf("ran %d, want %d", got, want)
		}
	}
	release := hold(t, w)
	if err := w.Post(func(w *Worker) { w.Gather(func(*Worker) { ran <- 3 }) }); err != nil {
		t.Fatal(err)
	}
	w.inbox.close(exit)
	release()
	within(t, "the loop to end", w.ended)
	if len(ran) != 1 {
		t.Errorf("%d functions ran at the end, want 1", len(ran))
	}
}

// TestQuiet: a loop is quiet unless something urgent waits, or is being run.
func TestQuiet(t *testing.T) {
	r := start(t, Config{Workers: 1})
	w := r.Workers()[0]
	var quiet []bool // owned by the loop
	ask := func(w *Worker) { quiet = append(quiet, w.Quiet()) }
	on(t, w, func(w *Worker) {
		ask(w)
		if err := w.TryPostUrgent(ask); err != nil {
			t.Error(err)
		}
		ask(w)
	})
	on(t, w, ask)
	on(t, w, func(*Worker) {
		if want := []bool{true, false, false, true}; !slices.Equal(quiet, want) {
			t.Errorf("quiet was %v, want %v", quiet, want)
		}
	})
}
