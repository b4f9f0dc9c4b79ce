package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// settlePoll is how often the end of the tail is looked for.
	settlePoll = 10 * time.Millisecond
	// linger is how long the harness listens after everything came: a duplicate
	// comes after what it duplicates.
	linger = 250 * time.Millisecond
)

// load runs a plan from the first connection to the last delivery: connect, warm
// up, measure, wait for the tail, go through the books. It waits for all of that.
// An error means that there is no result; a failed run has one. When ctx ends, the
// schedule is cut short and what was published is still waited for.
func load(ctx context.Context, p Plan, show *Progress) (*Result, error) {
	return loadWith(ctx, p, Scene{}, show)
}

// loadWith is load with a scene beside it.
func loadWith(ctx context.Context, p Plan, scene Scene, show *Progress) (*Result, error) {
	defer show.End()
	p.Run = runName()
	r := &Result{Started: time.Now(), Plan: p, Machine: machine()}
	// Asked before the first connection: its answer is what the load is compared with,
	// and a wrong address should not cost a run.
	op := newOperator(p.Operator)
	defer op.Close()
	var base Sample
	if op.Known() {
		var err error
		if base, err = op.Sample(ctx); err != nil {
			return nil, err
		}
	}
	fleet, err := openFleet(ctx, p, func(n int) {
		show.Tick("connecting: %d of %d", n, p.Layout().Total())
	})
	if err != nil {
		return nil, err
	}
	defer fleet.close()
	n := len(fleet.conns)
	r.Connect = Connect{Connections: n, Seconds: fleet.took.Seconds(), PerSecond: perSecond(uint64(n), fleet.took.Seconds())}
	show.Line("%d connections in %.2f s (%s/s)", n, fleet.took.Seconds(), grouped(r.Connect.PerSecond))

	course := newCourse(p)
	// The samples go on after a signal: the tail is part of the run.
	sampled := make(chan []Sample, 1)
	sampling, stopSampling := context.WithCancel(context.WithoutCancel(ctx))
	defer stopSampling()
	go func() {
		if !op.Known() {
			sampled <- nil
			return
		}
		sampled <- op.Watch(sampling, course.start)
	}()
	scene.begin(fleet, course)
	during, played := scene.play(ctx, course)
	timeline, err := fleet.sail(during, course, r, show)
	r.Cut = played() && r.Cut
	stopSampling()
	r.Samples = <-sampled
	if err != nil {
		return nil, err
	}
	losses := fleet.losses()
	scene.end(fleet)
	r.fill(timeline.Sum, losses, course.Measured())
	r.Points = timeline.Points
	r.Harness.Busy = timeline.Busiest(course.Measured())
	r.Harness.Starved = fleet.starved(course)
	if op.Known() {
		r.Gateway = usage(r.Samples, course.from, course.End(), base)
	}
	r.judge(losses)
	return r, nil
}

// sail runs the loops through the course and returns what they saw.
func (f *Fleet) sail(ctx context.Context, course *Course, r *Result, show *Progress) (*Timeline, error) {
	timeline := newTimeline(min(f.plan.Loops, len(f.conns)), func(p Point) { tellSecond(show, f.plan, p) })
	err := f.start(course)
	collected := make(chan struct{})
	go func() {
		defer close(collected)
		timeline.collect(f.full, f.empty)
	}()
	if err == nil {
		r.Harness.Cores, r.Cut = f.follow(ctx, course)
		f.drain(course)
	}
	f.stop(course)
	<-collected
	return timeline, errors.Join(err, f.err())
}

// follow waits for the end of the schedule, or cuts it, and returns what the
// harness itself took of the CPU in the measured time.
func (f *Fleet) follow(ctx context.Context, course *Course) (cores float64, cut bool) {
	pause(ctx, course.from-course.Elapsed())
	before, began := ownCPU(), course.Elapsed()
	pause(ctx, course.End()-course.Elapsed())
	if ctx.Err() != nil {
		course.Cut()
		cut = true
	}
	if took := course.Elapsed() - began; took > 0 {
		cores = float64(ownCPU()-before) / float64(took)
	}
	return cores, cut
}

// drain waits until everything came, or for as long as the plan allows.
func (f *Fleet) drain(course *Course) {
	for deadline := time.Now().Add(f.plan.Drain); !f.settled() && time.Now().Before(deadline); {
		time.Sleep(settlePoll)
	}
	time.Sleep(linger)
}

// pause sleeps until ctx ends, at most for d.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(max(d, 0))
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// ownCPU is the processor time that this process has used.
func ownCPU() time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// runName is part of the names of a run's groups: new each time, so that neither
// what an earlier run left in a stream nor a run beside it is heard.
func runName() string { return fmt.Sprintf("%x", time.Now().UnixMicro()) }

// tellSecond shows one second of a run.
func tellSecond(show *Progress, p Plan, s Point) {
	phase := "measuring"
	switch at := time.Duration(s.Second) * time.Second; {
	case at < p.Warmup:
		phase = "warming up"
	case at >= p.Warmup+p.Duration:
		phase = "draining"
	}
	latency := ""
	if s.Max > 0 {
		latency = fmt.Sprintf("  p50 %s  p99 %s  max %s", ms(s.P50), ms(s.P99), ms(s.Max))
	}
	show.Line("%3d s  %-10s  %9s published  %9s delivered%s", s.Second+1, phase, grouped(s.Sent), grouped(s.Delivered), latency)
}
