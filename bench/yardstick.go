package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// Yardstick is what bench limit is asked to do.
type Yardstick struct {
	Subjects    []Subject     `json:"subjects"`
	Parts       []string      `json:"parts"`
	Shapes      []string      `json:"shapes"`
	Sizes       []int         `json:"sizes"`
	Rounds      int           `json:"rounds"`
	Duration    time.Duration `json:"duration_ns"` // of one server's turn
	Warmup      time.Duration `json:"warmup_ns"`   // before it
	Outstanding int           `json:"outstanding"` // deliveries
	Rate        float64       `json:"rate"`        // deliveries a second of the latency part
	Publishers  int           `json:"publishers"`  // of the intake part
	Unanswered  int           `json:"unanswered"`  // publishes of each of them
}

// defaultYardstick is what make bench-limit does.
func defaultYardstick() Yardstick {
	y := Yardstick{
		Parts: []string{throughput, latency, intake}, Sizes: []int{64, 1024, 16384},
		Rounds: 5, Duration: 2 * time.Second, Warmup: 200 * time.Millisecond,
		Outstanding: 8000, Rate: 10_000, Publishers: 16, Unanswered: 64,
	}
	for _, s := range shapes {
		y.Shapes = append(y.Shapes, s.Name)
	}
	return y
}

// hurry makes the short form of what was not asked for otherwise.
func (y *Yardstick) hurry(given func(flag string) bool) {
	short := func(flag string, shorten func()) {
		if !given(flag) {
			shorten()
		}
	}
	short("shapes", func() { y.Shapes = y.Shapes[:2] })
	short("sizes", func() { y.Sizes = y.Sizes[:1] })
	short("rounds", func() { y.Rounds = 3 })
	short("duration", func() { y.Duration = time.Second })
}

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
	f := c.Flags()
	f.StringToStringVar(&servers, "server", nil, "a server and its address, as write=tcp://HOST:PORT or memory=ws://HOST:PORT/client/hubs/HUB")
	f.StringToIntVar(&pids, "pid", nil, "its process id, for the CPU time; store=PID is the Redis of redis")
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
	f.BoolVar(&quick, "quick", quick, "two shapes, 64 bytes, 3 rounds of a second, where not said otherwise")
	f.StringVar(&o.json, "json", "", "write the result as JSON to this file")
	f.BoolVar(&o.quiet, "quiet", false, "no progress")
	return c
}

// choose makes the subjects out of the flags.
func (y *Yardstick) choose(servers map[string]string, pids map[string]int) error {
	for name := range servers {
		if !slices.Contains(subjectNames, name) {
			return fmt.Errorf("--server %s: want one of %s", name, strings.Join(subjectNames, ", "))
		}
	}
	for name := range pids {
		if _, ok := servers[name]; !ok && name != "store" {
			return fmt.Errorf("--pid %s: there is no --server of that name", name)
		}
	}
	for _, name := range subjectNames {
		if servers[name] == "" {
			continue
		}
		s := Subject{Name: name, URL: servers[name], PID: pids[name]}
		if name == "redis" {
			s.Store = pids["store"]
		}
		y.Subjects = append(y.Subjects, s)
	}
	return nil
}

// Validate is called once, before anything is opened. It returns an error that names
// the flag to change.
func (y Yardstick) Validate() error {
	if len(y.Subjects) == 0 {
		return fmt.Errorf("--server: name at least one; make bench-limit starts all four")
	}
	for _, s := range y.Subjects {
		if err := s.Validate(); err != nil {
			return err
		}
	}
	for _, name := range y.Shapes {
		if _, err := findShape(name); err != nil {
			return err
		}
	}
	for _, size := range y.Sizes {
		if size < payloadMin || size > 1<<20 {
			return fmt.Errorf("--sizes %d: want %d (the harness's own marks) to %d bytes", size, payloadMin, 1<<20)
		}
	}
	for _, name := range y.Parts {
		if name != throughput && name != latency && name != intake {
			return fmt.Errorf("--parts %s: want some of %s, %s, %s", name, throughput, latency, intake)
		}
	}
	switch {
	case y.Rounds < 1 || y.Rounds > 1000:
		return fmt.Errorf("--rounds %d: want 1 to 1000", y.Rounds)
	case y.Duration <= 0 || y.Warmup < 0:
		return fmt.Errorf("--duration %v, --warmup %v: want more than nothing", y.Duration, y.Warmup)
	case y.Outstanding < 1 || y.Outstanding > 1<<20:
		return fmt.Errorf("--outstanding %d: want 1 to %d deliveries", y.Outstanding, 1<<20)
	case y.Rate <= 0 || y.Rate > 10_000_000:
		return fmt.Errorf("--rate %g: want up to 10000000 deliveries a second", y.Rate)
	case y.Publishers < 1 || y.Publishers > 1000:
		return fmt.Errorf("--publishers %d: want 1 to 1000", y.Publishers)
	case y.Unanswered < 1 || y.Unanswered > 10_000:
		return fmt.Errorf("--unanswered %d: want 1 to 10000", y.Unanswered)
	}
	return nil
}

// parts are the things to measure, in their order.
func (y Yardstick) parts() (all []Part, err error) {
	base := Part{Publishers: circuitPublishers, warmup: y.Warmup, duration: y.Duration}
	for _, name := range y.Shapes {
		for _, size := range y.Sizes {
			p := base
			if p.Shape, err = findShape(name); err != nil {
				return nil, err
			}
			p.Name, p.Size, p.Window = throughput, size, p.Shape.Window(y.Outstanding, size)
			all = append(all, p)
		}
	}
	p := base
	p.Name, p.Size, p.Shape = latency, 64, Shape{Name: "100x10", Groups: 100, Connections: 1000}
	p.rate = y.Rate / float64(p.Shape.Fanout())
	all = append(all, p)
	p = base
	// One subscriber a group: the way up is what this is about, and it must be real.
	p.Name, p.Size, p.Shape, p.Acks = intake, 64, Shape{Name: "100x1", Groups: 100, Connections: 100}, true
	p.Publishers, p.Window = y.Publishers, y.Unanswered
	all = append(all, p)
	return slices.DeleteFunc(all, func(p Part) bool { return !slices.Contains(y.Parts, p.Name) }), nil
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
