package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"github.com/tidegate/tidegate/bench/offender"
)

// The phases of members beside an attack.
const (
	calmBefore    = iota // nobody attacks yet
	attacked             // from the offenders' start to their end
	calmAfter            // quiet again, from a rest after that
	hostilePhases        // how many
)

// strictRatio is what --strict allows of the members' p99.
const strictRatio = 2

// Hostile is what bench hostile found out and writes as JSON.
type Hostile struct {
	Machine  string    `json:"machine"`
	Members  Plan      `json:"members"`
	Sieges   []*Siege  `json:"attacks"`
	Started  time.Time `json:"started"`
	Failures []string  `json:"failures"`
}

// hostileOptions are the flags of `bench hostile`.
type hostileOptions struct {
	plan      Plan
	host      Host
	broker    string
	workers   int
	attacks   []string
	calm      time.Duration
	attack    time.Duration
	rest      time.Duration
	scale     float64
	idle      bool // the offenders run when nobody else wants to
	strict    bool
	elsewhere bool // another gateway is attacked than the members'
	output    output
}

// hostileCommand is `bench hostile`.
func hostileCommand() *cobra.Command {
	o := hostileOptions{plan: defaultPlan(), broker: "memory", workers: runtime.NumCPU(), calm: 6 * time.Second, attack: 10 * time.Second, rest: 2 * time.Second, scale: 1, idle: true}
	o.plan.Rate = 500
	c := &cobra.Command{
		Use:   "hostile",
		Short: "Has offenders attack in many ways, one after the other, and prints what they got and what well-behaved members feel",
		Long: `For each attack a fresh gateway: members publish all the time and newcomers shake hands,
first in quiet, then beside the offenders, then in quiet again. Prints what the offenders
did and got, by status or close code, the members' latency and its ratio to the mean of
the two quiet times, the newcomers' time to be let in, and the gateway's memory,
descriptors and processors. It fails if a member lost something or was closed, a newcomer
did not get in, offenders got something else than they should or nothing of it was
counted, or the gateway's memory grew by more than the attack's bound or its descriptors
were not given back.

The offenders are a process of their own, which runs when nobody else wants the processors
and so gets little done where others are busy, but for --idle=false. They come from
127.0.0.2 to 127.0.0.9; the others come from 127.0.0.1. They share the machine: what an
attack costs the members is in part the offenders' own work, which is printed too.`,
		Example: `  bench hostile --gateway bin/gateway
  bench hostile --gateway bin/gateway --attacks silent,pings --attack 30s
  bench hostile --gateway bin/gateway --broker redis://127.0.0.1:6379/0 --strict`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			attacks, err := o.validate()
			if err != nil {
				return err
			}
			return o.run(c.Context(), attacks, c.OutOrStdout(), newProgress(c.ErrOrStderr(), o.output.quiet))
		},
	}
	addHost(c, &o.host)
	f := c.Flags()
	f.StringVar(&o.broker, "broker", o.broker, "the gateway's broker")
	f.IntVar(&o.workers, "workers", o.workers, "the gateway's workers")
	f.StringSliceVar(&o.attacks, "attacks", nil, "which attacks, by name; all without it")
	f.IntVar(&o.plan.Connections, "connections", o.plan.Connections, "well-behaved members")
	f.IntVar(&o.plan.Groups, "groups", o.plan.Groups, "groups, over which the members are spread evenly")
	f.Float64Var(&o.plan.Rate, "rate", o.plan.Rate, "publishes a second, of the members")
	f.DurationVar(&o.calm, "calm", o.calm, "how long each of the two quiet times is")
	f.DurationVar(&o.attack, "attack", o.attack, "how long an attack lasts")
	f.DurationVar(&o.rest, "rest", o.rest, "time after an attack that is not measured")
	f.Float64Var(&o.scale, "scale", o.scale, "multiplies the offenders and their rates")
	f.BoolVar(&o.idle, "idle", o.idle, "the offenders run when nobody else wants the processors; otherwise like everybody")
	f.BoolVar(&o.elsewhere, "elsewhere", false, "attack another gateway on this machine: what the ratios still show is that they share its processors")
	f.BoolVar(&o.strict, "strict", false, fmt.Sprintf("fail if the members' p99 is more than %d times that of the quiet times", strictRatio))
	f.StringVar(&o.output.json, "json", "", "write the result as JSON to this file")
	f.BoolVar(&o.output.quiet, "quiet", false, "no progress")
	return c
}

// validate returns the attacks, or an error that names the flag to change.
func (o hostileOptions) validate() ([]offender.Attack, error) {
	attacks, err := offender.Find(o.attacks)
	switch {
	case err != nil:
		return nil, fmt.Errorf("--attacks: %w", err)
	case o.host.Binary == "":
		return nil, errors.New("--gateway: name the gateway's program, to be started for this")
	case o.calm <= 0 || o.attack <= 0 || o.rest < 0:
		return nil, fmt.Errorf("--calm %v --attack %v --rest %v: want more than nothing", o.calm, o.attack, o.rest)
	case o.scale <= 0 || o.scale > 100:
		return nil, fmt.Errorf("--scale %g: want more than 0, and at most 100", o.scale)
	case o.workers < 1 || o.plan.Rate <= 0:
		return nil, fmt.Errorf("--workers %d --rate %g: want more than nothing", o.workers, o.plan.Rate)
	}
	return attacks, o.plan.Validate()
}

// run has the attacks, one after the other, and tells.
func (o hostileOptions) run(ctx context.Context, attacks []offender.Attack, stdout io.Writer, show *Progress) error {
	h := &Hostile{Machine: machine(), Members: o.plan, Started: time.Now(), Failures: []string{}}
	for _, a := range attacks {
		s, err := o.besiege(ctx, a)
		if ctx.Err() != nil {
			break // an attack that was cut short says nothing
		}
		if err != nil {
			return failure{fmt.Errorf("%s: %w", a.Name, err)}
		}
		show.Line("%-16s p99 %s beside it, %.2f times that in quiet; offenders got %s", a.Name, ms(s.During.P99), s.RatioP99, obtained(s.Report))
		h.Sieges = append(h.Sieges, s)
		for _, f := range s.Failures {
			h.Failures = append(h.Failures, a.Name+": "+f)
		}
	}
	show.End()
	if ctx.Err() != nil {
		h.Failures = append(h.Failures, "the run was cut short")
	}
	return verdict(h.writeTable(stdout), writeFile(o.output.json, indented(h)), h.Failures)
}

// flags are those of the gateway for one attack.
func (o hostileOptions) flags(a offender.Attack) []string {
	// A node of the harness has no rates; here they are what is tried, as they are by default.
	flags := []string{"--broker", o.broker, "--workers", fmt.Sprint(o.workers), "--set", "limits.messages_per_second=2000", "--set", "limits.bytes_per_second=16MiB"}
	// Newcomers too, of whom there are few at a time.
	flags = append(flags, roomFor(o.plan.Connections+int(float64(a.Offenders())*max(o.scale, 1)))...)
	for _, s := range a.Settings {
		flags = append(flags, "--set", s)
	}
	return flags
}
