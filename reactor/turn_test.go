package reactor

import (
	"runtime"
	"slices"
	"testing"

	"github.com/gobwas/ws"
)

// TestDefer: what is deferred runs once, after what the turn was about and before
// anything is written, however the turn came about; what it defers runs too, and a
// panic costs nobody else anything.
func TestDefer(t *testing.T) {
	r := start(t, Config{Workers: 1})
	var order []string
	note := func(s string) func(*Worker) { return func(*Worker) { order = append(order, s) } }
	later := func(c *Conn, w *Worker) {
		w.Defer(func(w *Worker) {
			if c != nil {
				c.Send(NewFrame([]byte("deferred"), false))
			}
			note("first")(w)
			w.Defer(note("nested"))
		})
		w.Defer(func(*Worker) { panic("the deferred function's fault") })
		w.Defer(note("last"))
		note("turn")(w)
	}
	f := func(name string) {
		t.Helper()
		on(t, r.Workers()[0], func(*Worker) {
			if want := []string{"turn", "first", "last", "nested"}; !slices.Equal(order, want) {
				t.Errorf("%s: ran %q, want %q", name, order, want)
			}
			order = nil
		})
	}
	on(t, r.Workers()[0], func(w *Worker) { later(nil, w) })
	f("a post")
	c := connect(t, r, newPeer(func(c *Conn, _ []byte, _ bool) {
		c.Send(NewFrame([]byte("at once"), false))
		later(c, c.Worker())
	}))
	send(t, c, frame(ws.OpText, "x"))
	expect(t, c, join(answer(ws.OpText, "at once"), answer(ws.OpText, "deferred")))
	f("a message")
	if n := number(r.config.Metrics, `tidegate_panics_total{where="post"}`); n != 2 {
		t.Errorf("counted %d panics, want 2", n)
	}
}

// TestDeferSurvives: a loop that ends, in the turn itself or in a deferred
// function, loses nothing that was deferred and repeats nothing.
func TestDeferSurvives(t *testing.T) {
	f := func(name string, die func(w *Worker)) {
		t.Run(name, func(t *testing.T) {
			r := start(t, Config{Workers: 1})
			ran := make(chan int, 10)
			_ = r.Workers()[0].Post(func(w *Worker) {
				w.Defer(func(*Worker) { ran <- 1 })
				die(w)
				w.Defer(func(*Worker) { ran <- 2 })
			})
			want := 1
			if name == "deferred" {
				want = 2
			}
			for i := range want {
				if got := within(t, "a deferred function", ran); got != i+1 {
					t.Errorf("ran %d, want %d", got, i+1)
				}
			}
			on(t, r.Workers()[0], func(*Worker) {})
			if len(ran) != 0 {
				t.Error("a deferred function ran twice")
			}
			if n := number(r.config.Metrics, "tidegate_worker_restarts_total"); n != 1 {
				t.Errorf("%d restarts, want 1", n)
			}
		})
	}
	f("turn", func(*Worker) { runtime.Goexit() })
	f("deferred", func(w *Worker) { w.Defer(func(*Worker) { runtime.Goexit() }) })
}

// TestDeferAtTheEnd: what the last posts before a shutdown defer runs.
func TestDeferAtTheEnd(t *testing.T) {
	r := start(t, Config{Workers: 1})
	w := r.Workers()[0]
	release := hold(t, w)
	ran := make(chan struct{}, 1)
	if err := w.Post(func(w *Worker) { w.Defer(func(*Worker) { ran <- struct{}{} }) }); err != nil {
		t.Fatal(err)
	}
	w.inbox.close(exit)
	release()
	within(t, "the loop to end", w.ended)
	if len(ran) != 1 {
		t.Error("what was deferred was lost")
	}
}
