package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/spf13/cobra"
)

// The phases of a run of bench slow.
const (
	away      = iota // while some do not read
	back             // from when they read again
	absPhases        // how many
)

// Slow is what bench slow found out and writes as JSON.
type Slow struct {
	Machine  string        `json:"machine"`
	Plan     Plan          `json:"plan"`
	Away     time.Duration `json:"away_ns"`
	Runs     []SlowRun     `json:"runs"`
	RatioP50 float64       `json:"ratio_p50"` // with those who stop to without, of the others; medians of the rounds
	RatioP99 float64       `json:"ratio_p99"`
	Failures []string      `json:"failures"`
}

// SlowRun is one run: with readers that stop, or the same without.
type SlowRun struct {
	Stops  bool      `json:"stops"`
	Others Quantiles `json:"others"`      // of those who read all the time, while the rest is away
	After  Quantiles `json:"others_back"` // of the same, from when the rest is back
	Absent Absent    `json:"absent"`
	Closed int       `json:"others_closed"`
	Lost   uint64    `json:"others_lost"`
	Memory Memory    `json:"memory"`
	Faults Faults    `json:"faults"` // of all
}

// Absent is what became of those who stopped.
type Absent struct {
	Readers  int       `json:"readers"`
	CaughtUp int       `json:"caught_up"` // who got the last message from before their return
	Took     Quantiles `json:"took"`      // from the return to that
	Closed   int       `json:"closed"`
	Lost     uint64    `json:"lost"`
	Why      string    `json:"why,omitempty"` // the first was closed
}

// slowOptions are the flags of `bench slow`.
type slowOptions struct {
	plan     Plan
	host     Host
	readers  int
	away     time.Duration
	tail     time.Duration
	buffer   int
	rounds   int
	maxRatio float64
	output   output
}

// slowCommand is `bench slow`.
func slowCommand() *cobra.Command {
	o := slowOptions{plan: defaultPlan(), readers: 200, away: 30 * time.Second, tail: 10 * time.Second, buffer: 16 << 10, rounds: 2, maxRatio: 1.5}
	p := &o.plan
	p.Groups, p.Publishers, p.Rate, p.Size = 1, 1, 5, 16<<10
	c := &cobra.Command{
		Use:   "slow",
		Short: "Has some members stop reading for a while, and prints what the others feel and what the gateway keeps",
		Long: `One group, one publisher. Some members stop reading for a while and then read on; in
turn with it the same runs without. Each run has a fresh gateway. Prints the others'
latency and its ratio to the run without, the gateway's memory, and how those who were
away caught up. It fails if anybody was closed, or lost a message, got it twice or out
of order, or if the others' p99 is more than --max-ratio times that of the run without.`,
		Example: `  bench slow --gateway bin/gateway
  bench slow --gateway bin/gateway --readers 20 --away 10s --rounds 1`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := o.validate(); err != nil {
				return err
			}
			return o.run(c.Context(), c.OutOrStdout(), newProgress(c.ErrOrStderr(), o.output.quiet))
		},
	}
	addHost(c, &o.host)
	f := c.Flags()
	f.IntVar(&p.Connections, "connections", p.Connections, "members of the group")
	f.Float64Var(&p.Rate, "rate", p.Rate, "publishes a second")
	f.IntVar(&p.Size, "size", p.Size, "bytes of payload")
	f.IntVar(&o.readers, "readers", o.readers, "members that stop reading")
	f.DurationVar(&o.away, "away", o.away, "for how long")
	f.DurationVar(&o.tail, "tail", o.tail, "how long publishing goes on after their return")
	f.IntVar(&o.buffer, "receive-buffer", o.buffer, "bytes of the receive buffer of those who stop, which the kernel doubles; small, so that it hides little; 0: the system's own")
	f.IntVar(&o.rounds, "rounds", o.rounds, "runs with and as many without, in turn")
	f.Float64Var(&o.maxRatio, "max-ratio", o.maxRatio, "fail if the others' p99 is more than so many times that without; 0: any")
	f.StringVar(&o.output.json, "json", "", "write the result as JSON to this file")
	f.BoolVar(&o.output.quiet, "quiet", false, "no progress")
	return c
}

// validate returns an error that names the flag to change.
func (o slowOptions) validate() error {
	switch {
	case o.host.Binary == "":
		return errors.New("--gateway: name the gateway's program, to be started for this")
	case o.readers < 1 || o.readers >= o.plan.Connections:
		return fmt.Errorf("--readers %d: want at least 1 and fewer than the members, %d", o.readers, o.plan.Connections)
	case o.away <= 0 || o.tail <= 0 || o.rounds < 1:
		return fmt.Errorf("--away %v --tail %v --rounds %d: want more than nothing", o.away, o.tail, o.rounds)
	case o.buffer < 0 || o.plan.Rate <= 0:
		return fmt.Errorf("--receive-buffer %d --rate %g: want something", o.buffer, o.plan.Rate)
	}
	return o.schedule().Validate()
}

// schedule is the plan of each run.
func (o slowOptions) schedule() Plan {
	p := o.plan
	p.Duration = o.away + o.tail
	return p
}

// run has the rounds and tells.
func (o slowOptions) run(ctx context.Context, stdout io.Writer, show *Progress) error {
	s := &Slow{Machine: machine(), Plan: o.schedule(), Away: o.away}
	for round := range o.rounds {
		// Each goes first as often as the other: a machine changes within minutes.
		for _, stops := range []bool{round%2 == 1, round%2 == 0} {
			show.Line("round %d, %s", round+1, map[bool]string{true: "some stop reading", false: "all read"}[stops])
			r, err := o.measure(ctx, stops, show)
			if err != nil {
				return failure{err}
			}
			s.Runs = append(s.Runs, r)
		}
	}
	s.judge(o)
	return verdict(s.writeTable(stdout), writeFile(o.output.json, indented(s)), s.Failures)
}

// measure is one run, on a gateway of its own.
func (o slowOptions) measure(ctx context.Context, stops bool, show *Progress) (run SlowRun, err error) {
	n, err := o.host.Start(ctx, nil, roomFor(o.plan.Connections)...)
	if err != nil {
		return run, err
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	p := n.at(o.schedule())
	p.Small = func(id int) int {
		if o.stopper(id) {
			return o.buffer
		}
		return 0
	}
	v := &vigil{stops: stops, from: p.Warmup, to: p.Warmup + o.away, readers: map[*Conn]bool{},
		caught: map[*Conn]bool{}, took: newHistogram(), phases: newPhases(absPhases)}
	r, err := loadWith(ctx, p, Scene{
		Begin: func(f *Fleet, _ *Course) { v.begin(f, o) },
		End:   func(f *Fleet) { run = v.books(f) },
	}, show)
	if err != nil {
		return run, err
	}
	run.Memory, run.Faults = memory(r.Samples, v.from), r.Deliveries.Faults
	return run, nil
}

// vigil watches one run: who is away, and who has caught up. The loop owns it while
// it runs; there is one loop.
type vigil struct {
	stops    bool
	from, to time.Duration
	last     uint64 // the last message that was due before the return

	readers map[*Conn]bool
	caught  map[*Conn]bool
	took    *hdrhistogram.Histogram
	phases  *Phases
}

// stopper reports whether a member is one of those who stop, which are spread evenly.
// A run without has the same ones chosen, so that both measure the same others.
func (o slowOptions) stopper(id int) bool {
	n := o.plan.Connections
	return id < n && id*o.readers/n != (id+1)*o.readers/n
}

// begin prepares the loop's part.
func (v *vigil) begin(f *Fleet, o slowOptions) {
	pacer := f.pacer(0, 1)
	for v.last = uint64(v.to.Seconds() * f.plan.Rate); pacer.Due(v.last) >= v.to && v.last > 0; {
		v.last--
	}
	for _, c := range f.conns {
		if o.stopper(c.id) {
			v.readers[c] = true
		}
	}
	v.phases.Enter(away, v.from)
	v.phases.Enter(back, v.to)
	f.extras.observe = v.observe
	if v.stops {
		f.extras.absence = &Absence{from: v.from, to: v.to, away: v.readers}
	}
}

// observe is called with each delivery, on the loop.
func (v *vigil) observe(c *Conn, p Payload, now time.Duration) {
	if !v.readers[c] {
		v.phases.Record(p.Due, now-p.Due)
		return
	}
	if v.stops && p.Seq >= v.last && now >= v.to && !v.caught[c] {
		v.caught[c] = true
		record(v.took, now-v.to)
	}
}

// books says what became of everybody.
func (v *vigil) books(f *Fleet) SlowRun {
	run := SlowRun{Stops: v.stops, Others: v.phases.Quantiles(away), After: v.phases.Quantiles(back)}
	run.Absent = Absent{CaughtUp: len(v.caught), Took: quantiles(v.took)}
	run.Absent.Took.Curve = nil
	for _, c := range f.conns {
		lost, closed := f.lost(c), 0
		if c.fd < 0 {
			closed = 1
		}
		if !v.stops || !v.readers[c] {
			run.Lost += lost
			run.Closed += closed
			continue
		}
		run.Absent.Readers++
		run.Absent.Lost += lost
		run.Absent.Closed += closed
		if run.Absent.Why == "" {
			run.Absent.Why = c.fate
		}
	}
	return run
}

// judge takes the ratios and says why the scene failed, if it did.
func (s *Slow) judge(o slowOptions) {
	var p50, p99 []float64
	for i := 0; i+1 < len(s.Runs); i += 2 {
		with, without := s.Runs[i], s.Runs[i+1]
		if !with.Stops {
			with, without = without, with
		}
		p50 = append(p50, ratio(with.Others.P50, without.Others.P50))
		p99 = append(p99, ratio(with.Others.P99, without.Others.P99))
	}
	s.RatioP50, s.RatioP99 = median(p50), median(p99)
	s.Failures = []string{}
	for i, r := range s.Runs {
		s.Failures = append(s.Failures, r.failures(i+1)...)
	}
	if o.maxRatio > 0 && s.RatioP99 > o.maxRatio {
		s.Failures = append(s.Failures, fmt.Sprintf("the others' p99 is %.2f times that without readers that stop, above --max-ratio %g", s.RatioP99, o.maxRatio))
	}
}

// median is the middle value, of the two in the middle their mean; 0 of nothing.
func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	v = slices.Sorted(slices.Values(v))
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}
