package main

import (
	"context"
	"time"
)

// Scene is what happens beside a load. Each of its functions may be nil.
type Scene struct {
	// Begin is called before the loops run, and may set what they do beside.
	Begin func(f *Fleet, c *Course)
	// Play runs on a goroutine of its own beside the loops. The schedule ends when it
	// returns, and it should return when ctx ends.
	Play func(ctx context.Context, c *Course)
	// End is called once the loops have ended, with all the books still open.
	End func(f *Fleet)
}

// begin calls Begin, if there is one.
func (s Scene) begin(f *Fleet, c *Course) {
	if s.Begin != nil {
		s.Begin(f, c)
	}
}

// play starts Play. The context that it returns ends with Play or with ctx; wait
// returns when Play has. cut says then whether ctx ended first.
func (s Scene) play(ctx context.Context, c *Course) (during context.Context, wait func() (cut bool)) {
	if s.Play == nil {
		return ctx, func() bool { return ctx.Err() != nil }
	}
	during, over := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer over()
		s.Play(ctx, c)
	}()
	return during, func() bool {
		<-ended
		return ctx.Err() != nil
	}
}

// end calls End, if there is one.
func (s Scene) end(f *Fleet) {
	if s.End != nil {
		s.End(f)
	}
}

// extras is what a scene has the loop do beside its load. The zero value is
// nothing.
type extras struct {
	observe     func(c *Conn, p Payload, now time.Duration) // each delivery, on the loop
	absence     *Absence                                    // who does not read for a while
	outstanding uint64                                      // closed loop: deliveries under way; 0: the Pacer's schedule
}
