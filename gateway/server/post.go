package server

import (
	"errors"
	"time"

	"github.com/tidegate/tidegate/reactor"
)

// post has f run on a worker's loop, now or, if there is no room, soon. It never waits, so
// it may be called on any goroutine, a loop's included; posts that find no room may run
// in another order. If the worker has ended for good, over is called instead, unless nil.
func post(w *reactor.Worker, f func(*reactor.Worker), over func()) {
	err := w.TryPost(f)
	switch {
	case errors.Is(err, reactor.ErrFull):
		time.AfterFunc(pursuitPause, func() { post(w, f, over) })
	case err != nil && over != nil:
		over()
	}
}
