package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
)

// maxSteps bounds a search: with doubling from 1000 and halving down to
// searchWidth it takes about 12.
const maxSteps = 24

// searchWidth is how close the rate held and the rate not held come. Closer than
// one run is to the next would be pretence.
const searchWidth = 1.05

// Step is one rate that was tried.
type Step struct {
	Rate   float64 `json:"rate"`
	Held   bool    `json:"held"`
	Result *Result `json:"result,omitempty"`
}

// search finds the highest rate that holds: doubling from the first until one does
// not hold, then halving the distance. try runs one rate. best is 0 if not even
// the lowest rate that was tried held.
func search(first, highest float64, try func(rate float64) (bool, error)) (best float64, err error) {
	// best held and failed did not; zero is not known yet.
	rate, failed := min(first, highest), 0.0
	for range maxSteps {
		held, err := try(rate)
		switch {
		case err != nil:
			return best, err
		case held:
			best = rate
		default:
			failed = rate
		}
		switch {
		case failed == 0 && rate >= highest:
			return best, nil
		case failed == 0:
			rate = min(2*rate, highest)
		case best == 0 && rate < 1:
			return 0, nil
		case best == 0:
			rate /= 2
		case failed <= best*searchWidth:
			return best, nil
		default:
			rate = (best + failed) / 2
		}
	}
	return best, nil
}

// searchCommand is `bench search`.
func searchCommand() *cobra.Command {
	p := defaultPlan()
	p.Rate, p.Duration, p.Warmup = 1000, 5*time.Second, time.Second
	highest := 1_000_000.0
	var o output
	c := &cobra.Command{
		Use:   "search",
		Short: "Finds the highest rate that the gateway holds",
		Long: `Finds the highest rate held: doubles --rate until it does not hold, then halves the
distance to within 5 %. Each step is a run with connections and groups of its own. A
step with a loss, a duplicate or a reordering does not hold.`,
		Example: `  bench search
  bench search --groups 1 --rate 100 --max-p99 50ms
  bench search --duration 15s --json search.json --html best.html`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := p.Validate(); err != nil {
				return err
			}
			if p.Rate == 0 || highest < p.Rate {
				return fmt.Errorf("--rate %g and --highest %g: want a first rate above 0 and a highest not below it", p.Rate, highest)
			}
			return searchFor(c.Context(), p, highest, o, c.OutOrStdout(), newProgress(c.ErrOrStderr(), o.quiet))
		},
	}
	addTarget(c, &p)
	addLoad(c, &p)
	addOutput(c, &o)
	c.Flags().Lookup("rate").Usage = "publishes a second of the first step"
	c.Flags().Float64Var(&highest, "highest", highest, "publishes a second that are enough")
	return c
}

// searchFor searches, prints each step and then the best in full.
func searchFor(ctx context.Context, p Plan, highest float64, o output, stdout io.Writer, show *Progress) error {
	var steps []Step
	var top *Result
	best, err := search(p.Rate, highest, func(rate float64) (bool, error) {
		p.Rate = rate
		// Everything new at each step: what a rate too high left behind, in the gateway
		// or on its way, must not count against the next.
		r, err := load(ctx, p, show)
		if err != nil {
			return false, err
		}
		if r.Cut {
			return false, fmt.Errorf("stopped by a signal after %s", plural(len(steps), "step"))
		}
		held := !r.Failed()
		if held {
			top = r
		}
		steps = append(steps, Step{rate, held, r})
		fmt.Fprintln(stdout, stepLine(r, held))
		return held, nil
	})
	if err == nil && top == nil {
		err = fmt.Errorf("not even %g publishes/s were held", steps[len(steps)-1].Rate)
	}
	if err != nil {
		return failure{err}
	}
	fmt.Fprintf(stdout, "\nhighest rate held: %s publishes/s, %s deliveries/s\n\n", grouped(best), grouped(top.Deliveries.PerSecond))
	if err := top.writeTable(stdout); err != nil {
		return failure{err}
	}
	html := output{html: o.html}
	if err := html.write(*top); err != nil {
		return failure{err}
	}
	if err := writeFile(o.json, func(w io.Writer) error { return json.NewEncoder(w).Encode(steps) }); err != nil {
		return failure{err}
	}
	return nil
}

// stepLine is one step of a search in a line, with the first reason why it did not hold.
func stepLine(r *Result, held bool) string {
	word := "held"
	if !held {
		word = "not held"
	}
	line := fmt.Sprintf("%9s publishes/s  %-8s  %9s deliveries/s  p50 %s  p99 %s", grouped(r.Plan.Rate), word,
		grouped(r.Deliveries.PerSecond), ms(r.Latency.P50), ms(r.Latency.P99))
	if r.Bottleneck() {
		line += "  (the harness was a bottleneck)"
	}
	if !held {
		line += "  " + r.Failures[0]
	}
	return line
}
