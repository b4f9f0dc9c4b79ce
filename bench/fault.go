package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// Fault is one thing that can go wrong under load.
type Fault struct {
	name    string
	about   string
	kind    string   // the Redis that it needs
	options []string // of its servers
	rewinds bool     // Redis may lose what it has acked
	trims   bool     // streams are too short for those who are away
	kills   bool     // a node dies: who comes back with a session may get its last seconds again
	stalls  bool     // some members do not read for a while
	adjust  func(trialOptions) trialOptions
	play    func(ctx context.Context, t *Trial) error // does it, and waits until it is over
}

// asIs leaves the options alone.
func asIs(o trialOptions) trialOptions { return o }

// journaled are the options of a Redis that keeps an append-only file.
var journaled = []string{"--appendonly", "yes", "--appendfsync", "everysec"}

// faults are all that there are, in the order in which they are done.
func faults() []Fault {
	all := []Fault{
		{name: "none", about: "nothing goes wrong", play: func(context.Context, *Trial) error { return nil }},
		{name: "cut", about: "all connections of Redis are cut, again and again", play: cutting("normal", "pubsub")},
		{name: "doorbell", about: "the notification links are cut, again and again", play: cutting("pubsub")},
		{name: "kill", about: "Redis without a file is killed and comes back empty", rewinds: true, play: killing(0)},
		{name: "kill-aof", about: "Redis with an append-only file is killed and comes back", options: journaled, rewinds: true, play: killing(0)},
		{name: "truncate", about: "the same, and the file's end is missing", options: journaled, rewinds: true, play: killing(40 << 10)},
		{name: "back", about: "ids are an hour ahead, then Redis comes back empty", rewinds: true, play: fromTheFuture(killing(0))},
		{name: "back-del", about: "ids are an hour ahead, then the streams are deleted", rewinds: true, play: fromTheFuture(deleting)},
		{name: "flush", about: "FLUSHALL", rewinds: true, play: once(func(t *Trial) error { return t.redis.Each("FLUSHALL") })},
		{name: "stop", about: "Redis stands still for 4 s", play: stopping(4 * time.Second)},
		{name: "capacity", about: "streams too short for those who are away", trims: true, adjust: tooShort, play: func(context.Context, *Trial) error { return nil }},
		{name: "stall", about: "a fifth of the members do not read for 10 s", stalls: true, adjust: large, play: stalling(10 * time.Second)},
		{name: "node-kill", about: "kill -9 of one node of three", kills: true, play: nodeKill},
		{name: "drain", about: "SIGTERM to one node of three", play: drain},
	}
	all = append(all, sentinelFaults()...)
	all = append(all, clusterFaults()...)
	for i := range all {
		if all[i].adjust == nil {
			all[i].adjust = asIs
		}
	}
	return all
}

// tooShort has streams of ten messages and more to say than they hold in an absence.
func tooShort(o trialOptions) trialOptions {
	o.capacity, o.rate, o.absence = 10, max(2*o.rate, 400), 2*time.Second
	return o
}

// large has messages that fill sockets.
func large(o trialOptions) trialOptions {
	o.size, o.rate = 4<<10, min(o.rate, 400)
	return o
}

// moment waits for a random part of d.
func (t *Trial) moment(ctx context.Context, d time.Duration) {
	pause(ctx, time.Duration(t.draw.Int64N(int64(max(d, 1)))))
}

// once does something at a random moment of the trial's first half.
func once(do func(t *Trial) error) func(context.Context, *Trial) error {
	return func(ctx context.Context, t *Trial) error {
		t.moment(ctx, t.o.duration/2)
		defer t.cure()
		return do(t)
	}
}

// cutting cuts the connections of these types, all over the trial.
func cutting(types ...string) func(context.Context, *Trial) error {
	return func(ctx context.Context, t *Trial) error {
		for range t.o.strikes {
			t.moment(ctx, 2*t.o.duration/time.Duration(t.o.strikes))
			if err := t.redis.cut(types); err != nil {
				return err
			}
			t.cure()
		}
		return ctx.Err()
	}
}

// killing kills the master, cuts up to so many bytes off its file, and starts it
// again.
func killing(bytes int64) func(context.Context, *Trial) error {
	return func(ctx context.Context, t *Trial) error {
		t.moment(ctx, t.o.duration/2)
		r := t.redis.servers[0]
		if err := r.Kill(); err != nil {
			return err
		}
		if bytes > 0 {
			if err := r.Truncate(1 + t.draw.Int64N(bytes)); err != nil {
				return err
			}
		}
		t.moment(ctx, 2*time.Second)
		defer t.cure()
		return r.Start(ctx)
	}
}

// fromTheFuture has each group's ids go on from an hour ahead for a while, and then
// does something that takes them back.
func fromTheFuture(then func(context.Context, *Trial) error) func(context.Context, *Trial) error {
	return func(ctx context.Context, t *Trial) error {
		t.moment(ctx, t.o.duration/4)
		for g := range t.o.groups {
			id := strconv.FormatInt(time.Now().Add(time.Hour).UnixMilli(), 10) + "-0"
			if _, err := t.redis.Ask("XADD", t.key(g), id, "data", `"from the future"`); err != nil {
				return err
			}
		}
		pause(ctx, time.Second)
		return then(ctx, t)
	}
}

// deleting deletes all streams, one by one.
func deleting(ctx context.Context, t *Trial) error {
	t.moment(ctx, t.o.duration/4)
	defer t.cure()
	var errs []error
	for g := range t.o.groups {
		_, err := t.redis.Ask("DEL", t.key(g))
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// stopping has the first server stand still.
func stopping(d time.Duration) func(context.Context, *Trial) error {
	return func(ctx context.Context, t *Trial) error {
		t.moment(ctx, t.o.duration/2)
		r := t.redis.servers[0]
		if err := r.Stop(); err != nil {
			return err
		}
		pause(ctx, d)
		defer t.cure()
		return r.Continue()
	}
}

// stalling closes the gate of the readers.
func stalling(d time.Duration) func(context.Context, *Trial) error {
	return func(ctx context.Context, t *Trial) error {
		t.gate.Close()
		defer t.gate.Open()
		pause(ctx, d)
		t.cure()
		return nil
	}
}

// nodeKill kills one gateway, and starts another after a while.
func nodeKill(ctx context.Context, t *Trial) error {
	t.moment(ctx, t.o.duration/2)
	n := t.removeNode(t.draw.IntN(t.o.nodes))
	n.Kill()
	t.cure()
	pause(ctx, 2*time.Second)
	return t.addNode(ctx)
}

// drain ends one gateway as a deploy does, and starts another.
func drain(ctx context.Context, t *Trial) error {
	t.moment(ctx, t.o.duration/2)
	n := t.removeNode(t.draw.IntN(t.o.nodes))
	t.cure()
	if err := n.Close(); err != nil {
		return fmt.Errorf("draining: %w", err)
	}
	return t.addNode(ctx)
}
