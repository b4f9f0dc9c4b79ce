package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// Trials is what bench check and bench faults find out and write as JSON.
type Trials struct {
	Machine  string     `json:"machine"`
	Seed     uint64     `json:"seed"`
	Rate     float64    `json:"rate"`
	Members  int        `json:"members"`
	Outcomes []*Outcome `json:"faults"`
	Failures []string   `json:"failures"`
}

// trialsOptions are the flags of both.
type trialsOptions struct {
	trialOptions
	names  []string // of the faults
	all    []string // what "all" means
	short  []string // what --quick takes
	quick  bool
	output output
}

// members that a checker and the fault bench have.
const (
	checkedMembers = 100
	defaultNodes   = 3
)

// checkCommand is `bench check`.
func checkCommand() *cobra.Command {
	o := &trialsOptions{trialOptions: trialOptions{nodes: defaultNodes, steady: defaultNodes, wide: true, wander: checkedMembers,
		groups: 20, each: 4, speakers: 6, rate: 300, size: 128, capacity: 100_000, strikes: 8,
		absence: 2 * time.Second, duration: 10 * time.Second, patience: 30 * time.Second}}
	o.all = []string{"none", "cut", "doorbell", "kill", "kill-aof", "truncate", "back", "back-del", "flush", "stop", "capacity",
		"node-kill", "drain", "sentinel-kill", "sentinel-stop", "sentinel-failover", "reshard", "cluster-kill"}
	o.short = []string{"cut", "kill-aof", "truncate", "back", "flush", "capacity"}
	c := &cobra.Command{
		Use:   "check",
		Short: "Has clients come and go at random on several nodes while Redis fails, and checks that nothing is lost silently",
		Long: `For each fault a fresh Redis and fresh gateways, and members that join, leave and come
back with since to a random node all the time, beside a few that stay. Every
message carries its publisher and number; in the end what every member saw is compared
with the acks, with what the others saw and with what Redis holds. It fails if a message
was lost without a notice, came twice or in the wrong order, or if an ack was not true.

The seed is printed; the same one makes the same decisions again.`,
		Example: `  bench check --gateway bin/gateway
  bench check --gateway bin/gateway --fault truncate,flush --seed 7`,
	}
	c.Flags().IntVar(&o.wander, "clients", o.wander, "members that come and go")
	return o.command(c)
}

// faultsCommand is `bench faults`.
func faultsCommand() *cobra.Command {
	o := &trialsOptions{trialOptions: trialOptions{nodes: defaultNodes, steady: checkedMembers,
		groups: 20, each: 4, speakers: 6, rate: 1000, size: 128, capacity: 100_000, strikes: 100,
		absence: time.Second, duration: 20 * time.Second, patience: 30 * time.Second}}
	o.all = []string{"cut", "kill-aof", "sentinel-kill", "sentinel-failover", "node-kill", "reshard", "stop", "stall", "drain"}
	o.short = []string{"cut", "kill-aof", "node-kill", "drain"}
	c := &cobra.Command{
		Use:   "faults",
		Short: "Does one fault after the other under load, and prints what members lost and how long they waited",
		Long: `For each fault a fresh Redis and fresh gateways, and members that stay and come back at
once, with since, when their connection ends. Prints what was acked, delivered,
lost, duplicated, reordered and announced as lost, the longest silence of a group at a
member, and how long it took after the fault until all had newer messages. It fails if a
promise was broken.`,
		Example: `  bench faults --gateway bin/gateway
  bench faults --gateway bin/gateway --fault cut --strikes 10`,
	}
	c.Flags().IntVar(&o.steady, "clients", o.steady, "members")
	return o.command(c)
}

// command completes a command with what both have.
func (o *trialsOptions) command(c *cobra.Command) *cobra.Command {
	o.seed = rand.Uint64() >> 32
	addHost(c, &o.host)
	f := c.Flags()
	f.StringSliceVar(&o.names, "fault", []string{"all"}, "which: all, or some of "+strings.Join(o.all, ","))
	f.Uint64Var(&o.seed, "seed", o.seed, "of all random decisions; by default a new one")
	f.IntVar(&o.nodes, "nodes", o.nodes, "gateways")
	f.Float64Var(&o.rate, "rate", o.rate, "publishes a second")
	f.IntVar(&o.strikes, "strikes", o.strikes, "how often a fault that can be repeated is")
	f.DurationVar(&o.duration, "duration", o.duration, "of each fault, at least")
	f.DurationVar(&o.patience, "patience", o.patience, "how long members may take to come in, and the tail to come")
	f.BoolVar(&o.quick, "quick", false, "a short form: few faults, 4 s each")
	f.StringVar(&o.output.json, "json", "", "write the result as JSON to this file")
	f.BoolVar(&o.output.quiet, "quiet", false, "no progress")
	c.Args = cobra.NoArgs
	c.RunE = func(c *cobra.Command, _ []string) error {
		if o.quick {
			o.shorten(c)
		}
		chosen, err := o.choose()
		if err != nil {
			return err
		}
		return o.run(c.Context(), chosen, c.OutOrStdout(), newProgress(c.ErrOrStderr(), o.output.quiet))
	}
	return c
}

// shorten makes the short form of what was not asked for otherwise.
func (o *trialsOptions) shorten(c *cobra.Command) {
	given := c.Flags().Changed
	if !given("fault") {
		o.names = o.short
	}
	if !given("duration") {
		o.duration = 4 * time.Second
	}
	if !given("rate") {
		o.rate = min(o.rate, 300)
	}
	if !given("strikes") {
		o.strikes = min(o.strikes, 20)
	}
}

// choose checks the flags and returns the faults that they name. Errors name the flag
// to change.
func (o *trialsOptions) choose() ([]Fault, error) {
	switch {
	case o.host.Binary == "":
		return nil, errors.New("--gateway: name the gateway's program, to be started for this")
	case o.nodes < 1 || o.nodes > 16:
		return nil, fmt.Errorf("--nodes %d: want 1 to 16", o.nodes)
	case o.steady+o.wander < 1 || o.steady < 0 || o.wander < 0:
		return nil, errors.New("--clients: want at least 1")
	case o.rate <= 0 || o.strikes < 1 || o.duration <= 0 || o.patience <= 0:
		return nil, fmt.Errorf("--rate %g --strikes %d --duration %v --patience %v: want more than nothing", o.rate, o.strikes, o.duration, o.patience)
	}
	known := map[string]Fault{}
	for _, f := range faults() {
		known[f.name] = f
	}
	if len(o.names) == 1 && o.names[0] == "all" {
		o.names = o.all
	}
	var chosen []Fault
	for _, name := range o.names {
		f, ok := known[name]
		if !ok {
			return nil, fmt.Errorf("--fault %s: there is all, %s", name, strings.Join(o.all, ", "))
		}
		chosen = append(chosen, f)
	}
	return chosen, nil
}

// run does the faults, one after the other, and tells.
func (o *trialsOptions) run(ctx context.Context, chosen []Fault, stdout io.Writer, show *Progress) error {
	if err := allowFiles(o.steady + o.wander + o.speakers); err != nil {
		return failure{err}
	}
	fmt.Fprintf(stdout, "seed %d\n", o.seed)
	r := &Trials{Machine: machine(), Seed: o.seed, Rate: o.rate, Members: o.steady + o.wander, Failures: []string{}}
	for _, f := range chosen {
		found, err := runTrial(ctx, f, o.trialOptions, show)
		if err != nil {
			r.Failures = append(r.Failures, fmt.Sprintf("%s: %v", f.name, err))
		}
		if found != nil {
			r.Outcomes = append(r.Outcomes, found)
			r.judge(found)
			show.Line("%s", found)
		}
		if ctx.Err() != nil {
			break
		}
	}
	show.End()
	return verdict(r.writeTable(stdout), writeFile(o.output.json, indented(r)), r.Failures)
}
