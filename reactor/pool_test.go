package reactor

import (
	"errors"
	"sync"
	"testing"
)

// TestPool: tasks run beside each other up to the size, wait up to the queue, and
// are refused beyond; a refusal does not wait.
func TestPool(t *testing.T) {
	r := start(t, Config{Workers: 1, PoolSize: 3, PoolQueue: 2})
	p := r.Workers()[0].Pool()
	begun, free := make(chan int, 10), make(chan struct{})
	release := sync.OnceFunc(func() { close(free) })
	defer release()
	task := func(i int) func() { return func() { begun <- i; <-free } }
	for i := range 3 {
		if err := p.TrySubmit(task(i)); err != nil {
			t.Fatal(err)
		}
		within(t, "a task", begun) // so that the next does not find it in the queue
	}
	for i := range 2 {
		if err := p.TrySubmit(task(3 + i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.TrySubmit(task(5)); !errors.Is(err, ErrPoolFull) {
		t.Errorf("got %v, want ErrPoolFull", err)
	}
	if n := number(r.config.Metrics, "tidegate_pool_refused_total"); n != 1 {
		t.Errorf("counted %d refusals, want 1", n)
	}
	if n := p.busy.Load(); n != 3 {
		t.Errorf("%d busy, want 3", n)
	}
	release()
	for range 2 {
		within(t, "a task that waited", begun)
	}
	eventually(t, "nobody is busy", func() bool { return p.busy.Load() == 0 })
}

// TestPoolPanic: a task that panics takes no goroutine with it.
func TestPoolPanic(t *testing.T) {
	var j journal
	r := start(t, Config{Workers: 1, PoolSize: 1, Log: j.logger()})
	p := r.Workers()[0].Pool()
	for range 3 {
		if err := p.TrySubmit(func() { panic("a task's fault") }); err != nil {
			t.Fatal(err)
		}
	}
	done := make(chan struct{})
	if err := p.TrySubmit(func() { close(done) }); err != nil {
		t.Fatal(err)
	}
	within(t, "the next task", done)
	if n := number(r.config.Metrics, `tidegate_panics_total{where="task"}`); n != 3 {
		t.Errorf("counted %d panics, want 3", n)
	}
	if !j.has("a task's fault") || !j.has("TestPoolPanic") {
		t.Error("the panic or its stack is not in the log")
	}
}

// TestPoolPosts: what a task finds comes back to the loop.
func TestPoolPosts(t *testing.T) {
	r := start(t, Config{Workers: 1})
	w := r.Workers()[0]
	done := make(chan *Worker, 1)
	on(t, w, func(w *Worker) {
		if err := w.Pool().TrySubmit(func() { _ = w.Post(func(w *Worker) { done <- w }) }); err != nil {
			t.Error(err)
		}
	})
	if within(t, "the answer", done) != w {
		t.Error("the answer came to another worker")
	}
}
