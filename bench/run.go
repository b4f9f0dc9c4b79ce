package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
)

// output is where a result goes beside the table.
type output struct {
	json, html string
	quiet      bool
}

// runCommand is `bench run`: one load, one result.
func runCommand() *cobra.Command {
	p := defaultPlan()
	var o output
	c := &cobra.Command{
		Use:   "run",
		Short: "Runs one load and fails if a message was lost, duplicated or out of order or the rate was not held",
		Long: `Runs one load and prints what came of it.

Publishes are due on a fixed schedule and sent whatever the gateway does; latency
counts from the due time. The rate counts as held if 99 % of the publishes left
within 100 ms of their due time and were acked, and 99 % of the deliveries came
before the schedule ended (and 100 ms). Exit code 1 says that it was not, or that
a message was lost, duplicated or out of order.`,
		Example: `  bench run --rate 10000 --connections 1000 --groups 100 --duration 30s
  bench run --operator http://127.0.0.1:9000 --json result.json --html result.html
  bench run --groups 1 --publishers 1 --rate 200 --max-p99 5ms
  bench run --url 'ws://127.0.0.1:8000/ws/chat/{group}/'`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			// Not wrapped in failure: what is wrong with the flags is wrong usage.
			if err := p.Validate(); err != nil {
				return err
			}
			if p.Rate == 0 {
				return fmt.Errorf("--rate 0: nothing would be published; bench idle opens connections and leaves them alone")
			}
			r, err := load(c.Context(), p, newProgress(c.ErrOrStderr(), o.quiet))
			if err != nil {
				return failure{err}
			}
			if err := r.writeTable(c.OutOrStdout()); err != nil {
				return failure{err}
			}
			if err := o.write(*r); err != nil {
				return failure{err}
			}
			if r.Failed() {
				return errFailed
			}
			return nil
		},
	}
	addTarget(c, &p)
	addLoad(c, &p)
	addOutput(c, &o)
	return c
}

// write writes the files that were asked for.
func (o output) write(r Result) error {
	if err := writeFile(o.json, r.writeJSON); err != nil {
		return err
	}
	return writeFile(o.html, r.writeHTML)
}

// writeFile creates a file, and the directory it is to stand in, and has it
// written. An empty name is nobody's wish.
func writeFile(name string, write func(w io.Writer) error) error {
	if name == "" {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	if err := write(f); err != nil {
		_ = f.Close()
		return fmt.Errorf("writing %s: %w", name, err)
	}
	return f.Close()
}
