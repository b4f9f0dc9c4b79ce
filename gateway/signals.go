package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
)

// errInterrupted is the cause of an end that somebody at a terminal asked for: with no
// load balancer to wait for.
var errInterrupted = errors.New("interrupted")

// onSignals returns what ends with the first SIGTERM or SIGINT, which asks for an end
// in its own time, and what ends with the second, which asks to hurry. After it the
// default is back, so that a third one ends the process at once.
func onSignals() (ctx, hurry context.Context) {
	ctx, end := context.WithCancelCause(context.Background())
	hurry, quickly := context.WithCancel(context.Background())
	received := make(chan os.Signal, 2)
	signal.Notify(received, os.Interrupt, syscall.SIGTERM)
	go func() {
		if <-received == os.Interrupt {
			end(errInterrupted)
		}
		end(nil)
		<-received
		signal.Stop(received)
		quickly()
	}()
	return ctx, hurry
}
