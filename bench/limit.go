package main

import (
	"context"
	"encoding/json"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"
)

// limitCommand is `bench limit`.
func limitCommand() *cobra.Command {
	y := defaultYardstick()
	servers, pids, quick := map[string]string{}, map[string]int{}, false
	var o output
	c := &cobra.Command{
		Use:   "limit",
		Short: "Measures a gateway against bare TCP writers, in turn and interleaved",
		Long: `Measures up to four servers that are running already: write and join (bench bare,
without and with --join), memory and redis (a gateway on either broker). They take turns
in every round, so that what else the machine does falls on all of them, and the ratios
of each round are what counts. The load is a closed loop: a new message is published when
few enough deliveries are under way, and every member checks every number; the first
message that is lost, doubled or out of order ends the run. make bench-limit starts the
servers, pins them to one core and this to another.`,
		Example: `  bench limit --server join=tcp://127.0.0.1:7001 --pid join=4711 \
      --server memory=ws://127.0.0.1:8000/client/hubs/chat --pid memory=4712
  bench limit --quick --server memory=ws://127.0.0.1:8000/client/hubs/chat --shapes 100x10`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if quick {
				y.hurry(c.Flags().Changed)
			}
			if err := y.choose(servers, pids); err != nil {
				return err
			}
			if err := y.Validate(); err != nil {
				return err
			}
			return y.run(c.Context(), o, c.OutOrStdout(), newProgress(c.ErrOrStderr(), o.quiet))
		},
	}
	addYardstick(c, &y)
	f := c.Flags()
	f.StringVar(&y.Token, "token", "", "access token for the gateways, that may join and send to all groups")
	f.StringToStringVar(&servers, "server", nil, "a server and its address, as write=tcp://HOST:PORT or memory=ws://HOST:PORT/client/hubs/HUB")
	f.StringToIntVar(&pids, "pid", nil, "its process id, for the CPU time; store=PID is the Redis of redis")
	f.BoolVar(&quick, "quick", quick, "two shapes, 64 bytes, 3 rounds of a second, where not said otherwise")
	f.StringVar(&o.json, "json", "", "write the result as JSON to this file")
	f.BoolVar(&o.quiet, "quiet", false, "no progress")
	return c
}

// addYardstick declares the flags that say what to measure.
func addYardstick(c *cobra.Command, y *Yardstick) {
	f := c.Flags()
	f.StringSliceVar(&y.Parts, "parts", y.Parts, "what to measure")
	f.StringSliceVar(&y.Shapes, "shapes", y.Shapes, "groups x members, of the throughput part")
	f.IntSliceVar(&y.Sizes, "sizes", y.Sizes, "bytes of payload, of the throughput part")
	f.IntVar(&y.Rounds, "rounds", y.Rounds, "rounds, in each of which every server has a turn")
	f.DurationVar(&y.Duration, "duration", y.Duration, "of one turn")
	f.DurationVar(&y.Warmup, "warmup", y.Warmup, "before each turn")
	f.IntVar(&y.Outstanding, "outstanding", y.Outstanding, "deliveries under way at a time")
	f.Float64Var(&y.Rate, "rate", y.Rate, "deliveries a second of the latency part")
	f.IntVar(&y.Publishers, "publishers", y.Publishers, "connections that publish, of the intake part")
	f.IntVar(&y.Unanswered, "unanswered", y.Unanswered, "publishes of each of them without an ack yet")
	f.DurationVar(&y.Patience, "patience", y.Patience, "time without anything that is due, after which it is taken for lost")
}

// run measures all parts and prints what came of it.
func (y Yardstick) run(ctx context.Context, o output, stdout io.Writer, show *Progress) error {
	defer show.End()
	parts, err := y.parts()
	if err != nil {
		return err
	}
	if err := allowFiles(4 * (1000 + circuitPublishers)); err != nil {
		return failure{err}
	}
	r := Limits{Started: time.Now(), Machine: machine(), Yardstick: y}
	for _, p := range parts {
		score, err := p.perform(ctx, y.Subjects, y.Rounds, show)
		if err != nil {
			return failure{err}
		}
		if score != nil {
			r.Scores = append(r.Scores, score)
		}
	}
	show.End()
	if err := r.writeTable(stdout); err != nil {
		return failure{err}
	}
	if err := writeFile(o.json, func(w io.Writer) error {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(r)
	}); err != nil {
		return failure{err}
	}
	return nil
}

// perform is play on a goroutine, and so a thread, of its own. Nil if none of the
// servers can do it: a bare one gives no acks.
func (p Part) perform(ctx context.Context, subjects []Subject, rounds int, show *Progress) (score *Score, err error) {
	if p.Acks {
		subjects = slices.DeleteFunc(slices.Clone(subjects), Subject.Bare)
	}
	if len(subjects) == 0 {
		return nil, nil
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		score, err = p.play(ctx, subjects, rounds, show)
	}()
	<-done
	return score, err
}
