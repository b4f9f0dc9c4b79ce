package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
)

// The phases of a storm, as members feel them.
const (
	quiet    = iota // before the first wave
	arriving        // from a wave's first SYN to its last join
	leaving         // until the gateway has nobody of it left
	after           // the rest after a wave
	stormPhases
)

// Storm is what bench storm found out and writes as JSON.
type Storm struct {
	Machine string `json:"machine"`
	Members Plan   `json:"members"`

	Waves    []Rush    `json:"waves"`
	Quiet    Quantiles `json:"quiet"` // latency of the members' messages, by when they were due
	Arriving Quantiles `json:"arriving"`
	Leaving  Quantiles `json:"leaving"`
	After    Quantiles `json:"after"`

	Deliveries Deliveries `json:"deliveries"` // to members
	Memory     Memory     `json:"memory"`
	Harness    Harness    `json:"harness"`
	Failures   []string   `json:"failures"`
}

// Memory is the gateway's resident memory around something that happens to it.
type Memory struct {
	Before float64 `json:"before_bytes"`
	Most   float64 `json:"most_bytes"`
	After  float64 `json:"after_bytes"`
}

// String is the memory in words.
func (m Memory) String() string {
	return fmt.Sprintf("%s before, %s at most, %s after", mib(m.Before), mib(m.Most), mib(m.After))
}

// memory reads the samples: before is the last one until from.
func memory(samples []Sample, from time.Duration) (m Memory) {
	for _, s := range samples {
		if s.At <= from || m.Before == 0 {
			m.Before = s.RSS
		}
		m.Most, m.After = max(m.Most, s.RSS), s.RSS
	}
	return m
}

// stormOptions are the flags of `bench storm`.
type stormOptions struct {
	plan     Plan
	host     Host
	guests   int
	waves    int
	rest     time.Duration
	patience time.Duration
	maxRatio float64
	output   output
}

// stormCommand is `bench storm`.
func stormCommand() *cobra.Command {
	o := stormOptions{plan: defaultPlan(), guests: 18_000, waves: 3, rest: 8 * time.Second, patience: time.Minute}
	o.plan.Rate = 1000
	c := &cobra.Command{
		Use:   "storm",
		Short: "Has waves of connections come and leave at once, and prints what connected members feel of it",
		Long: `Opens the members, who keep publishing, and then has waves of further connections come:
all SYNs at once, handshake, a group of their own, and when the last is in all leave at
once. Prints how fast they got in and what the members' latency was meanwhile, by when
each message was due. Who is refused with 503 comes again after Retry-After, as clients
do. It fails if a member lost anything, or a guest did not get in.

Harness and gateway share the machine: what a storm costs the members is in part the
harness' own work.`,
		Example: `  bench storm --gateway bin/gateway
  bench storm --gateway bin/gateway --storm 5000 --waves 5 --gateway-flag=--set=limits.handshakes=64`,
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
	f.IntVar(&o.plan.Connections, "connections", o.plan.Connections, "members, who stay and keep publishing")
	f.IntVar(&o.plan.Groups, "groups", o.plan.Groups, "groups, over which the members are spread evenly")
	f.Float64Var(&o.plan.Rate, "rate", o.plan.Rate, "publishes a second, of the members")
	f.IntVar(&o.guests, "storm", o.guests, "connections of a wave")
	f.IntVar(&o.waves, "waves", o.waves, "waves")
	f.DurationVar(&o.rest, "rest", o.rest, "time before the first wave and after each")
	f.DurationVar(&o.patience, "patience", o.patience, "how long a wave may take to come in, and to be gone")
	f.Float64Var(&o.maxRatio, "max-ratio", 0, "fail if the members' p99 in the storm is more than so many times that before; 0: any")
	f.StringVar(&o.output.json, "json", "", "write the result as JSON to this file")
	f.BoolVar(&o.output.quiet, "quiet", false, "no progress")
	return c
}

// validate returns an error that names the flag to change.
func (o stormOptions) validate() error {
	switch {
	case o.host.Binary == "":
		return errors.New("--gateway: name the gateway's program, to be started for this")
	case o.guests < 1 || o.waves < 1 || o.waves > 200:
		return fmt.Errorf("--storm %d --waves %d: want at least 1 each, and at most 200 waves", o.guests, o.waves)
	case o.rest <= 0 || o.patience <= 0:
		return fmt.Errorf("--rest %v --patience %v: want more than nothing", o.rest, o.patience)
	}
	return o.plan.Validate()
}

// run starts a gateway, has the storm and tells.
func (o stormOptions) run(ctx context.Context, stdout io.Writer, show *Progress) error {
	n, err := o.host.Start(ctx, nil, roomFor(o.plan.Connections+o.guests)...)
	if err != nil {
		return failure{err}
	}
	o.plan = n.at(o.plan)
	s, err := o.measure(ctx, show)
	if err = errors.Join(err, n.Close()); err != nil {
		return failure{err}
	}
	return verdict(s.writeTable(stdout), writeFile(o.output.json, indented(s)), s.Failures)
}

// measure is the load of the members with the waves beside it.
func (o stormOptions) measure(ctx context.Context, show *Progress) (*Storm, error) {
	if err := allowFiles(o.plan.Connections + o.guests); err != nil {
		return nil, err
	}
	p := o.plan
	// An hour is no limit: the schedule ends with the last wave.
	p.Duration = time.Hour
	s := &Storm{Machine: machine(), Members: p}
	phases := newPhases(stormPhases)
	var failed error
	var first time.Duration // the first wave
	r, err := loadWith(ctx, p, Scene{
		Begin: func(f *Fleet, _ *Course) {
			f.extras.observe = func(_ *Conn, m Payload, now time.Duration) { phases.Record(m.Due, now-m.Due) }
		},
		Play: func(ctx context.Context, c *Course) {
			pause(ctx, p.Warmup-c.Elapsed())
			phases.Enter(quiet, c.Elapsed())
			pause(ctx, o.rest)
			first = c.Elapsed()
			failed = o.storm(ctx, s, c, phases, show)
		},
	}, show)
	if err = errors.Join(err, failed); err != nil {
		return nil, err
	}
	s.Quiet, s.Arriving = phases.Quantiles(quiet), phases.Quantiles(arriving)
	s.Leaving, s.After = phases.Quantiles(leaving), phases.Quantiles(after)
	s.Deliveries, s.Harness, s.Memory = r.Deliveries, r.Harness, memory(r.Samples, first)
	s.judge(o, r)
	return s, nil
}

// storm has the waves come and go, one after the other.
func (o stormOptions) storm(ctx context.Context, s *Storm, c *Course, phases *Phases, show *Progress) error {
	op := newOperator(o.plan.Operator)
	defer op.Close()
	for i := 0; i < o.waves && ctx.Err() == nil; i++ {
		rush, err := o.wave(ctx, i, op, c, phases)
		if err != nil {
			return fmt.Errorf("wave %d: %w", i+1, err)
		}
		s.Waves = append(s.Waves, rush)
		show.Line("wave %d: %s in within %.2f s", i+1, grouped(rush.Connections), rush.Seconds)
		phases.Enter(after, c.Elapsed())
		pause(ctx, o.rest)
	}
	return nil
}

// wave is one of them.
func (o stormOptions) wave(ctx context.Context, i int, op *Operator, c *Course, phases *Phases) (Rush, error) {
	w, err := newWave(o.plan, i, o.guests)
	if err != nil {
		return Rush{}, err
	}
	defer w.close()
	phases.Enter(arriving, c.Elapsed())
	if err := w.come(ctx, o.patience); err != nil {
		return Rush{}, err
	}
	began := time.Now()
	phases.Enter(leaving, c.Elapsed())
	w.leave()
	err = o.gone(ctx, op)
	w.rush.LeaveTook = time.Since(began).Seconds()
	return w.rush, err
}

// gonePoll is how often the gateway is asked whether everybody has left: seldom
// enough not to be a load of its own.
const gonePoll = 50 * time.Millisecond

// gone waits until the gateway has its members left and nobody else.
func (o stormOptions) gone(ctx context.Context, op *Operator) error {
	for deadline := time.Now().Add(o.patience); ctx.Err() == nil; pause(ctx, gonePoll) {
		m, err := op.Metrics(ctx)
		if err == nil && m.Sum("app_active_connections") <= float64(o.plan.Connections) {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%v after everybody left the gateway still has %g connections (%v)", o.patience, m.Sum("app_active_connections"), err)
		}
	}
	return nil
}
