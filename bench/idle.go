package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
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

// idleOptions are the flags of `bench idle`. Several sizes make a matrix.
type idleOptions struct {
	plan        Plan
	host        Host
	connections []int
	groups      []int
	heap        bool
	bound       float64 // KiB of RSS per connection with one group; 0: any
	output      output
}

// idleCommand is `bench idle`.
func idleCommand() *cobra.Command {
	o := idleOptions{plan: defaultPlan(), connections: []int{10_000}, groups: []int{1}}
	p := &o.plan
	p.Operator, p.Rate, p.Warmup, p.Duration = "http://127.0.0.1:9000", 0, 0, 15*time.Second
	c := &cobra.Command{
		Use:   "idle",
		Short: "Opens connections, leaves them alone and prints what each costs the gateway",
		Long: `Opens connections, each with a session and groups of its own, leaves them alone and
prints by how much the gateway's resident memory grew, per connection. The least that
was seen counts: what the handshakes left behind is garbage, and goes in time.

Several numbers of connections or groups make a matrix; then each cell gets a fresh
gateway, which --gateway names. With --heap one more gateway, with the last number of
connections and a group each, says which lines hold how many bytes for a connection.`,
		Example: `  bench idle --connections 10000
  bench idle --connections 18000 --groups-per-connection 4 --duration 1m
  bench idle --gateway bin/gateway --connections 1000,5000,19000 --groups-per-connection 0,1,10 --heap`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := o.validate(); err != nil {
				return err
			}
			show := newProgress(c.ErrOrStderr(), o.output.quiet)
			if o.host.Binary == "" {
				return idle(c.Context(), o.cell(o.connections[0], o.groups[0]), o.output, c.OutOrStdout(), show)
			}
			return idleMatrix(c.Context(), o, c.OutOrStdout(), show)
		},
	}
	addTargetURL(c, p)
	addHost(c, &o.host)
	f := c.Flags()
	f.IntSliceVar(&o.connections, "connections", o.connections, "connections; several numbers make a matrix")
	f.IntSliceVar(&o.groups, "groups-per-connection", o.groups, "groups that each connection joins, all its own; 0 is a client that joined nothing")
	f.BoolVar(&o.heap, "heap", false, "also list which lines of the gateway hold how much for a connection; needs --gateway")
	f.Float64Var(&o.bound, "max-kib", 0, "fail if a connection with one group costs more KiB than this; 0: any")
	f.DurationVar(&p.Duration, "duration", p.Duration, "how long the connections are left alone")
	f.StringVar(&o.output.json, "json", "", "write the result as JSON to this file")
	f.BoolVar(&o.output.quiet, "quiet", false, "no progress")
	return c
}

// validate returns an error that names the flag to change.
func (o idleOptions) validate() error {
	switch n := len(o.connections) * len(o.groups); {
	case n == 0:
		return fmt.Errorf("--connections and --groups-per-connection: want a number each")
	case n > 1 && o.host.Binary == "":
		return fmt.Errorf("--gateway: a matrix needs a fresh gateway for each of its cells; name the program to start")
	case o.heap && o.host.Binary == "":
		return fmt.Errorf("--heap: the gateway must be started for it; name the program with --gateway")
	case o.plan.Operator == "":
		return fmt.Errorf("--operator: idle measures the gateway's memory, and asks the operator listener for it")
	}
	for _, groups := range o.groups {
		if groups < 0 || groups > 1000 {
			return fmt.Errorf("--groups-per-connection %d: want 0 to 1000", groups)
		}
	}
	return o.cell(slices.Min(o.connections), 1).Validate()
}

// cell is the plan for one size. As many groups as connections: each is alone in
// its first one too.
func (o idleOptions) cell(connections, groups int) Plan {
	p := o.plan
	p.Connections, p.Groups, p.Joins = connections, connections, groups-1
	return p
}

// idle measures one cell on a gateway that runs already, and prints it.
func idle(ctx context.Context, p Plan, o output, stdout io.Writer, show *Progress) error {
	i, err := measureIdle(ctx, p, show)
	if err != nil {
		return failure{err}
	}
	fmt.Fprintf(stdout, "connect      %s connections, %s/s with handshake and join\n", grouped(i.Connections), grouped(i.PerSecond))
	fmt.Fprintf(stdout, "gateway      %s RSS, %s before; %.3f CPU cores while idle\n", mib(i.RSS), mib(i.BaseRSS), i.Cores)
	fmt.Fprintf(stdout, "a connection %.2f KiB with a session and %s\n", i.PerConnection/1024, plural(i.Groups, "group"))
	if err := writeFile(o.json, func(w io.Writer) error { return json.NewEncoder(w).Encode(i) }); err != nil {
		return failure{err}
	}
	return nil
}

// measureIdle opens the connections, waits and takes the difference. It is a load
// whose schedule is empty: the loops still answer the gateway's pings.
func measureIdle(ctx context.Context, p Plan, show *Progress) (i Idle, err error) {
	r, err := load(ctx, p, show)
	if err != nil {
		return i, err
	}
	if r.Gateway == nil || len(r.Samples) < 2 {
		return i, fmt.Errorf("the operator listener answered too seldom; raise --duration (now %v)", p.Duration)
	}
	if r.Connect.Closed > 0 {
		return i, fmt.Errorf("%s", r.Summary())
	}
	i = Idle{Connect: r.Connect, Groups: p.Joins + 1, BaseRSS: r.Gateway.BaseRSS, RSS: r.Gateway.RSS, Cores: r.Gateway.Cores}
	for _, s := range r.Samples {
		i.RSS = min(i.RSS, s.RSS)
	}
	i.PerConnection = (i.RSS - i.BaseRSS) / float64(p.Connections)
	return i, nil
}
