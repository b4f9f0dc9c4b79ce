package reactor

import (
	"errors"
	"sync"
	"testing"
)

// hold keeps a worker's loop busy until the returned function is called.
func hold(t testing.TB, w *Worker) (release func()) {
	t.Helper()
	busy, free := make(chan struct{}), make(chan struct{})
	if err := w.Post(func(*Worker) { close(busy); <-free }); err != nil {
		t.Fatal(err)
	}
	within(t, "the loop to be busy", busy)
	return sync.OnceFunc(func() { close(free) })
}

// TestPostOrder: many goroutines post; each one's posts run in its order, none is
// lost and none runs twice.
func TestPostOrder(t *testing.T) {
	r := start(t, Config{Workers: 1, Queue: 16})
	w := r.Workers()[0]
	const posters, each = 8, 2000
	var next [posters]int // owned by the loop
	var all sync.WaitGroup
	for p := range posters {
		all.Go(func() {
			for i := range each {
				if err := w.Post(func(*Worker) {
					if next[p] != i {
						t.Errorf("poster %d: post %d ran when %d was due", p, i, next[p])
					}
					next[p] = i + 1
				}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	on(t, w, func(*Worker) {
		for p, n := range next {
			if n != each {
				t.Errorf("poster %d: %d of %d ran", p, n, each)
			}
		}
	})
}

// TestPostWaits: a full inbox makes Post wait and TryPost fail, and neither loses
// anything.
func TestPostWaits(t *testing.T) {
	r := start(t, Config{Workers: 1, Queue: 4})
	w := r.Workers()[0]
	release := hold(t, w)
	defer release()
	ran := make(chan int, 100)
	refused := 0
	for i := range 10 {
		switch err := w.TryPost(func(*Worker) { ran <- i }); {
		case errors.Is(err, ErrFull):
			refused++
		case err != nil:
			t.Fatal(err)
		}
	}
	// A beat may stand among the four.
	if refused < 6 || refused > 7 {
		t.Errorf("%d of 10 refused by a queue of 4", refused)
	}
	if got := number(r.config.Metrics, "tidegate_worker_queue_refused_total"); got != refused {
		t.Errorf("counted %d refusals, want %d", got, refused)
	}
	posted := make(chan error)
	go func() { posted <- w.Post(func(*Worker) { ran <- 99 }) }()
	eventually(t, "Post waits", func() bool { return number(r.config.Metrics, "tidegate_worker_queue_waits_total") == 1 })
	release()
	if err := within(t, "Post", posted); err != nil {
		t.Error(err)
	}
	for i := range 10 - refused {
		if got := within(t, "a post", ran); got != i {
			t.Errorf("ran %d, want %d", got, i)
		}
	}
	if got := within(t, "the post that waited", ran); got != 99 {
		t.Errorf("ran %d, want 99", got)
	}
}

// TestPostAllocs: posting allocates nothing of its own.
func TestPostAllocs(t *testing.T) {
	r := start(t, Config{Workers: 1})
	w := r.Workers()[0]
	ran := make(chan struct{}, 1)
	f := func(*Worker) { ran <- struct{}{} }
	round := func() {
		_ = w.Post(f)
		<-ran
	}
	round()
	if n := testing.AllocsPerRun(1000, round); n != 0 {
		t.Errorf("%v allocations a post, want 0", n)
	}
}

func BenchmarkPost(b *testing.B) {
	r := start(b, Config{Workers: 1})
	w := r.Workers()[0]
	f := func(*Worker) {}
	b.ReportAllocs()
	for b.Loop() {
		_ = w.Post(f)
	}
}
