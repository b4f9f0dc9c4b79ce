package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
)

// Idle is what connections cost that do nothing: what bench idle writes as JSON.
type Idle struct {
	Connect
	Groups        int     `json:"groups_per_connection"`
	BaseRSS       float64 `json:"base_rss_bytes"`
	RSS           float64 `json:"rss_bytes"` // the least while they were idle
	PerConnection float64 `json:"rss_bytes_per_connection"`
	Cores         float64 `json:"cores"` // that the gateway took meanwhile
}

// idleCommand is `bench idle`.
func idleCommand() *cobra.Command {
	p := defaultPlan()
	p.Operator, p.Connections, p.Rate, p.Warmup, p.Duration = "http://127.0.0.1:9000", 10_000, 0, 0, 15*time.Second
	perConnection := 1
	var o output
	c := &cobra.Command{
		Use:   "idle",
		Short: "Opens connections, leaves them alone and prints what each costs the gateway",
		Long: `Opens connections, each with a session and groups of its own, leaves them alone and
prints by how much the gateway's resident memory grew, per connection. The least that
was seen counts: what the handshakes left behind is garbage, and goes in time.`,
		Example: `  bench idle --connections 10000
  bench idle --connections 18000 --groups-per-connection 4 --duration 1m`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if perConnection < 1 || perConnection > 1000 {
				return fmt.Errorf("--groups-per-connection %d: want 1 to 1000", perConnection)
			}
			// As many groups as connections: each is alone in its first one too.
			p.Groups, p.Joins = p.Connections, perConnection-1
			if p.Operator == "" {
				return fmt.Errorf("--operator: idle measures the gateway's memory, and asks the operator listener for it")
			}
			if err := p.Validate(); err != nil {
				return err
			}
			return idle(c.Context(), p, o, c.OutOrStdout(), newProgress(c.ErrOrStderr(), o.quiet))
		},
	}
	addTarget(c, &p)
	f := c.Flags()
	f.IntVar(&perConnection, "groups-per-connection", perConnection, "groups that each connection joins, all its own")
	f.DurationVar(&p.Duration, "duration", p.Duration, "how long the connections are left alone")
	f.StringVar(&o.json, "json", "", "write the result as JSON to this file")
	f.BoolVar(&o.quiet, "quiet", false, "no progress")
	return c
}

// idle opens the connections, waits and prints the difference. It is a load whose
// schedule is empty: the loops still answer the gateway's pings.
func idle(ctx context.Context, p Plan, o output, stdout io.Writer, show *Progress) error {
	r, err := load(ctx, p, show)
	if err != nil {
		return failure{err}
	}
	if r.Gateway == nil || len(r.Samples) < 2 {
		return failure{fmt.Errorf("the operator listener answered too seldom; raise --duration (now %v)", p.Duration)}
	}
	if r.Connect.Closed > 0 {
		return failure{fmt.Errorf("%s", r.Summary())}
	}
	i := Idle{Connect: r.Connect, Groups: p.Joins + 1, BaseRSS: r.Gateway.BaseRSS, RSS: r.Gateway.RSS, Cores: r.Gateway.Cores}
	for _, s := range r.Samples {
		i.RSS = min(i.RSS, s.RSS)
	}
	i.PerConnection = (i.RSS - i.BaseRSS) / float64(p.Connections)
	fmt.Fprintf(stdout, "connect      %s connections, %s/s with handshake and join\n", grouped(i.Connections), grouped(i.PerSecond))
	fmt.Fprintf(stdout, "gateway      %s RSS, %s before; %.3f CPU cores while idle\n", mib(i.RSS), mib(i.BaseRSS), i.Cores)
	fmt.Fprintf(stdout, "a connection %.2f KiB with a session and %s\n", i.PerConnection/1024, plural(i.Groups, "group"))
	if err := writeFile(o.json, func(w io.Writer) error { return json.NewEncoder(w).Encode(i) }); err != nil {
		return failure{err}
	}
	return nil
}
