package reactor

import (
	"errors"
	"runtime"
	"slices"
	"testing"
	"time"
)

// TestUrgentFirst: what is urgent runs before what was posted earlier and waits, in
// its own order.
func TestUrgentFirst(t *testing.T) {
	r := start(t, Config{Workers: 1})
	w := r.Workers()[0]
	release := hold(t, w)
	var ran []string // owned by the loop
	note := func(name string) func(*Worker) { return func(*Worker) { ran = append(ran, name) } }
	for _, err := range []error{
		w.Post(note("one")), w.PostUrgent(note("urgent one")),
		w.Post(note("two")), w.TryPostUrgent(note("urgent two")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	release()
	on(t, w, func(*Worker) {
		if want := []string{"urgent one", "urgent two", "one", "two"}; !slices.Equal(ran, want) {
			t.Errorf("ran %q, want %q", ran, want)
		}
	})
}

// TestUrgentInBetween: in a turn that is long already, what is urgent comes next, and
// what it sends is written then.
func TestUrgentInBetween(t *testing.T) {
	r := start(t, Config{Workers: 1})
	w := r.Workers()[0]
	p := newPeer(nil)
	client := connect(t, r, p)
	c := within(t, "Open", p.conn)
	release := hold(t, w)
	got := make(chan struct{})
	for _, f := range []func(*Worker){
		func(w *Worker) {
			if err := w.PostUrgent(func(*Worker) { c.Send(NewFrame([]byte("now"), false)) }); err != nil {
				t.Error(err)
			}
			time.Sleep(2 * longTurn)
		},
		func(*Worker) { <-got }, // the turn does not end before the client has it
	} {
		if err := w.Post(f); err != nil {
			t.Fatal(err)
		}
	}
	release()
	expect(t, client, []byte("\x81\x03now"))
	close(got)
}

// TestUrgentSurvives: what was urgent when the loop ended is run by the next.
func TestUrgentSurvives(t *testing.T) {
	r := start(t, Config{Workers: 1})
	w := r.Workers()[0]
	release := hold(t, w)
	ran := make(chan string, 10)
	for _, f := range []func(*Worker){
		func(*Worker) { ran <- "first"; runtime.Goexit() },
		func(*Worker) { ran <- "second" },
	} {
		if err := w.PostUrgent(f); err != nil {
			t.Fatal(err)
		}
	}
	release()
	for _, want := range []string{"first", "second"} {
		if got := within(t, want, ran); got != want {
			t.Errorf("%s ran, want %s", got, want)
		}
	}
	on(t, w, func(*Worker) {})
	if len(ran) > 0 {
		t.Errorf("%s ran twice", <-ran)
	}
}

// TestUrgentWaits: urgent posts have the inbox's bound, and none after the shutdown.
func TestUrgentWaits(t *testing.T) {
	r := start(t, Config{Workers: 1, Queue: 2})
	w := r.Workers()[0]
	release := hold(t, w)
	n := 0 // owned by the loop
	done := make(chan error, 3)
	for range cap(done) {
		go func() { done <- w.PostUrgent(func(*Worker) { n++ }) }()
	}
	eventually(t, "the third waits", func() bool { return w.inbox.waits.Get() == 1 })
	if err := w.TryPostUrgent(func(*Worker) { n++ }); !errors.Is(err, ErrFull) {
		t.Errorf("got %v, want ErrFull", err)
	}
	release()
	for range cap(done) {
		if err := within(t, "a post", done); err != nil {
			t.Error(err)
		}
	}
	on(t, w, func(*Worker) {
		if n != cap(done) {
			t.Errorf("%d of %d ran", n, cap(done))
		}
	})
}

// TestLag: a worker owes a look from the first post that it has not taken, and owes
// nothing when it has.
func TestLag(t *testing.T) {
	r := start(t, Config{Workers: 1})
	w := r.Workers()[0]
	release := hold(t, w)
	if err := w.Post(func(*Worker) {}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is late", func() bool { return w.Lag() > 5*time.Millisecond })
	release()
	eventually(t, "it is not late", func() bool { return w.Lag() == 0 })
}
