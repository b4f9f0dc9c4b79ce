package main

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/tidegate/tidegate/gateway/server"
)

// farewell is what clients are told when the node ends.
const farewell = "the gateway is shutting down"

// haste is how long an end may take, from when it was asked to hurry.
const haste = 2 * time.Second

// errDraining is why a node that was asked to end is not ready, while it still serves.
var errDraining = errors.New("draining: the node was asked to end; send newcomers to another one")

// ready is nil until the node is asked to end.
func (n *node) ready() error {
	if n.draining.Load() {
		return errDraining
	}
	return nil
}

// drains is 1 from when the node is asked to end.
func (n *node) drains() float64 {
	if n.draining.Load() {
		return 1
	}
	return 0
}

// stop ends the node in stages, so that nobody notices who can help it: it says that it
// is not ready and goes on until the load balancer has heard; it stops accepting; it
// lets its clients go, a few at a time; it waits until they have what was queued for
// them; then the broker sends what was taken. ctx is the one that ended.
func (n *node) stop(ctx, hurry context.Context) error {
	began := time.Now()
	unhurried := context.AfterFunc(hurry, func() { n.log.Info("hurrying: everything is closed now", "connections", n.reactor.Connections()) })
	defer unhurried()
	n.awaitBalancer(ctx, hurry)
	last, cancel := within(hurry, n.config.Drain.Window+n.config.Shutdown.Timeout)
	defer cancel()
	n.letGo(last, hurry)
	err := n.end(last)
	n.log.Info("stopped", "told", n.server.Drained().Told, "seconds", time.Since(began).Seconds())
	return err
}

// awaitBalancer is the first stage: the node is not ready, and serves on for the delay.
// Somebody at a terminal does not wait for a load balancer, nor does a node that has
// failed and cannot serve.
func (n *node) awaitBalancer(ctx, hurry context.Context) {
	n.draining.Store(true)
	delay := n.config.Drain.Delay
	if ctx.Err() == nil || errors.Is(context.Cause(ctx), errInterrupted) {
		delay = 0
	}
	n.log.Info("draining: not ready any more", "connections", n.reactor.Connections(), "delay", delay.String(), "window", n.config.Drain.Window.String())
	wait := time.NewTimer(delay)
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-hurry.Done():
	}
}

// letGo is the stage in which the door is shut and the clients are closed. Handshakes
// that are under way are still made, and those clients go with the others.
func (n *node) letGo(ctx, hurry context.Context) {
	n.log.Info("not accepting any more", "connections", n.reactor.Connections())
	shut := make(chan struct{})
	go func() {
		defer close(shut)
		n.closeDoor(ctx)
	}()
	began, c := time.Now(), n.config
	n.server.Drain(hurry, server.Drain{
		Window:   c.Drain.Window,
		Patience: min(c.Publish.Timeout+time.Second, c.Shutdown.Timeout),
		Text:     farewell,
	})
	<-shut
	d := n.server.Drained()
	n.log.Info("clients were told to go", "told", d.Told, "without_acks", d.Unacked, "not_reached", d.Left, "seconds", time.Since(began).Seconds())
}

// lastHandshakes is how long a client may take to finish a handshake that had begun when
// the door was closed.
const lastHandshakes = time.Second

// closeDoor stops accepting. Who waits is told to go elsewhere; who is in the middle of
// his handshake may finish it.
func (n *node) closeDoor(ctx context.Context) {
	if n.door != nil {
		_ = n.door.Close()
		making, made := context.WithTimeout(ctx, lastHandshakes)
		n.door.AwaitHandshakes(making)
		made()
	}
	// A request that never ends must not take the time that the clients have.
	soon, cancel := context.WithTimeout(ctx, lastHandshakes)
	defer cancel()
	n.shut(soon, n.public, "public")
	n.server.AwaitHandshakes(ctx)
}

// end is what remains: the last bytes to clients, the application's requests, and what
// the broker has taken.
func (n *node) end(ctx context.Context) error {
	clients, cancel := context.WithTimeout(ctx, n.config.Shutdown.Timeout)
	defer cancel()
	if late := n.reactor.Shutdown(clients, server.ServiceRestart, farewell); late != nil {
		n.log.Warn("not everything ended by itself", "error", late) // the fault of clients, most often
	}
	n.certificate.Await(clients)
	n.shut(ctx, n.operator, "operator")
	n.keys.Close()
	n.certificate.Close()
	return n.server.Close()
}

// shut ends a listener when the requests that it has are answered, or when ctx ends.
func (n *node) shut(ctx context.Context, s *http.Server, name string) {
	if err := s.Shutdown(ctx); err != nil {
		n.log.Warn("a listener had requests that did not end and were cut off", "name", name, "error", err)
		_ = s.Close()
	}
}

// within is a context that ends after a time, or soon after the hurry.
func within(hurry context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	unhurried := context.AfterFunc(hurry, func() { time.AfterFunc(haste, cancel) })
	return ctx, func() {
		unhurried()
		cancel()
	}
}
