package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"
)

// Workers is what bench workers found out and writes as JSON.
type Workers struct {
	Machine     string       `json:"machine"`
	Plan        Plan         `json:"plan"`
	Outstanding int          `json:"outstanding"`
	Runs        []WorkersRun `json:"runs"`
	Failures    []string     `json:"failures"`
}

// WorkersRun is one gateway with so many workers under all the load it takes.
type WorkersRun struct {
	Workers     int       `json:"workers"`
	Deliveries  float64   `json:"deliveries_per_second"`
	CPU         float64   `json:"gateway_cpu_us_per_delivery"`
	Cores       float64   `json:"gateway_cores"`
	Harness     float64   `json:"harness_cores"`
	Connections []float64 `json:"worker_connections"` // by worker
	Share       []float64 `json:"worker_share"`       // of the deliveries, by worker
}

// workersOptions are the flags of `bench workers`.
type workersOptions struct {
	plan        Plan
	host        Host
	workers     []int
	outstanding int
	rounds      int
	output      output
}

// workersCommand is `bench workers`.
func workersCommand() *cobra.Command {
	o := workersOptions{plan: defaultPlan(), workers: []int{1, 2}, outstanding: 8000, rounds: 3}
	p := &o.plan
	p.Publishers, p.Size, p.Duration = 4, 64, 5*time.Second
	c := &cobra.Command{
		Use:   "workers",
		Short: "Prints what a gateway takes with so many workers, and how evenly they share it",
		Long: `A closed loop: whenever fewer than --outstanding deliveries are under way, the next
message is published. Prints deliveries a second, the gateway's CPU time for each, and
how connections and deliveries are spread over the workers, in turn for each number of
workers, on fresh gateways. It fails if anything was lost, doubled or out of order, or
if the connections are not spread evenly.

The harness takes its own share of the processors: with as few as two of them the CPU
time for a delivery says more than deliveries a second.`,
		Example: `  bench workers --gateway bin/gateway
  bench workers --gateway bin/gateway --workers 1,2,4 --groups 1`,
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
	f.IntVar(&p.Connections, "connections", p.Connections, "members")
	f.IntVar(&p.Groups, "groups", p.Groups, "groups, over which the members are spread evenly")
	f.IntVar(&p.Publishers, "publishers", p.Publishers, "connections that publish")
	f.IntVar(&p.Size, "size", p.Size, "bytes of payload")
	f.DurationVar(&p.Duration, "duration", p.Duration, "measured time of a run")
	f.IntSliceVar(&o.workers, "workers", o.workers, "numbers of workers to compare")
	f.IntVar(&o.outstanding, "outstanding", o.outstanding, "deliveries under way at most: the depth of the load")
	f.IntVar(&o.rounds, "rounds", o.rounds, "runs of each, in turn")
	f.StringVar(&o.output.json, "json", "", "write the result as JSON to this file")
	f.BoolVar(&o.output.quiet, "quiet", false, "no progress")
	return c
}

// validate returns an error that names the flag to change.
func (o workersOptions) validate() error {
	switch {
	case o.host.Binary == "":
		return errors.New("--gateway: name the gateway's program, to be started for this")
	case len(o.workers) == 0 || slices.Min(o.workers) < 1 || o.rounds < 1:
		return fmt.Errorf("--workers %v --rounds %d: want at least 1", o.workers, o.rounds)
	case o.outstanding < 1 || o.plan.Publishers < 1:
		return fmt.Errorf("--outstanding %d --publishers %d: want at least 1", o.outstanding, o.plan.Publishers)
	}
	return o.plan.Validate()
}

// run has the rounds and tells.
func (o workersOptions) run(ctx context.Context, stdout io.Writer, show *Progress) error {
	s := &Workers{Machine: machine(), Plan: o.plan, Outstanding: o.outstanding, Failures: []string{}}
	for round := range o.rounds {
		order := slices.Clone(o.workers)
		if round%2 == 1 {
			slices.Reverse(order)
		}
		for _, workers := range order {
			show.Line("round %d, %s", round+1, plural(workers, "worker"))
			r, faults, err := o.measure(ctx, workers, show)
			if err != nil {
				return failure{err}
			}
			s.Runs = append(s.Runs, r)
			s.Failures = append(s.Failures, append(faults, r.uneven()...)...)
		}
	}
	return verdict(s.writeTable(stdout, o.workers), writeFile(o.output.json, indented(s)), s.Failures)
}

// measure is one run, on a gateway of its own.
func (o workersOptions) measure(ctx context.Context, workers int, show *Progress) (run WorkersRun, faults []string, err error) {
	n, err := o.host.Start(ctx, nil, append(roomFor(o.plan.Connections+o.plan.Publishers), "--workers", strconv.Itoa(workers))...)
	if err != nil {
		return run, nil, err
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	p := n.at(o.plan)
	op := newOperator(p.Operator)
	defer op.Close()
	var first, last Metrics
	var asked error
	r, err := loadWith(ctx, p, Scene{
		Begin: func(f *Fleet, _ *Course) { f.extras.outstanding = uint64(o.outstanding) },
		Play: func(ctx context.Context, c *Course) {
			var e1, e2 error
			pause(ctx, p.Warmup-c.Elapsed())
			first, e1 = op.Metrics(ctx)
			pause(ctx, c.End()-c.Elapsed()-100*time.Millisecond) // still under load
			last, e2 = op.Metrics(ctx)
			asked = errors.Join(e1, e2)
		},
	}, show)
	if err = errors.Join(err, asked); err != nil {
		return run, nil, err
	}
	run = shares(first, last, workers)
	run.Deliveries, run.Harness = r.Deliveries.PerSecond, r.Harness.Cores
	if r.Gateway != nil {
		run.Cores = r.Gateway.Cores
	}
	return run, r.faults(), nil
}
