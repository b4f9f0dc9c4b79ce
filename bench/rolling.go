package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

// rollingOptions are the flags of `bench rolling`.
type rollingOptions struct {
	plan     Plan
	host     Host
	balancer balancerOptions
	broker   string
	delay    time.Duration // the gateway's drain.delay
	window   time.Duration // its drain.window
	rest     time.Duration // before the first restart and after each
	patience time.Duration
	eager    bool // members and publishers do not wait for as long as they are asked to
	reliable bool // members speak the reliable subprotocol, and recover their sessions
	hurry    bool // a second SIGTERM comes in the middle of the window
	maxBurst float64
	output   output
}

// rollingCommand is `bench rolling`.
func rollingCommand() *cobra.Command {
	o := rollingOptions{
		plan: defaultPlan(), balancer: defaultBalancer(),
		delay: 3 * time.Second, window: 10 * time.Second, rest: 5 * time.Second, patience: time.Minute, maxBurst: 2,
	}
	o.plan.Connections, o.plan.Publishers, o.plan.Rate = 5000, 20, 100
	c := &cobra.Command{
		Use:   "rolling",
		Short: "Restarts two gateways behind a load balancer, one after the other, under load",
		Long: `Starts two gateways on one Redis and HAProxy in front of them, with the configuration that
users get, and has members join through it. Each member follows one group and, when its
connection ends, waits for as long as the gateway asked it to, connects again and resumes
from the last position that it saw (since), or recovers its session. Publishers do likewise, and say nothing twice.
Then the gateways are restarted, one after the other, with SIGTERM.

Prints what was acked and what became of it, how long members were away, and how closes
and returns were spread over the window. It fails if a member lost an acked message, got
one twice or in the wrong order, was closed without being told, or did not come back; if a
message was taken and its publisher not told; or if more came back in one second than the
window allows.`,
		Example: `  bench rolling --gateway bin/gateway
  bench rolling --gateway bin/gateway --connections 100 --window 2s --rest 2s`,
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
	f.StringVar(&o.broker, "broker", o.broker, "the Redis of both gateways, such as redis://127.0.0.1:6379/0; empty: one of its own")
	f.StringVar(&o.balancer.program, "haproxy", o.balancer.program, "the load balancer's program")
	f.StringVar(&o.balancer.config, "haproxy-config", o.balancer.config, "its configuration, which takes BIND, GATEWAY_1 and GATEWAY_2 from the environment")
	f.IntVar(&o.plan.Connections, "connections", o.plan.Connections, "members, each in one group")
	f.IntVar(&o.plan.Groups, "groups", o.plan.Groups, "groups, over which the members are spread evenly")
	f.IntVar(&o.plan.Publishers, "publishers", o.plan.Publishers, "connections that publish, each to its share of the groups")
	f.Float64Var(&o.plan.Rate, "rate", o.plan.Rate, "publishes a second")
	f.DurationVar(&o.delay, "delay", o.delay, "drain.delay of the gateways")
	f.DurationVar(&o.window, "window", o.window, "drain.window of the gateways")
	f.DurationVar(&o.rest, "rest", o.rest, "time before the first restart and after each")
	f.DurationVar(&o.patience, "patience", o.patience, "how long members may take to be back, and messages to be there")
	f.BoolVar(&o.eager, "eager", false, "clients connect again at once, however long they are asked to wait, as those do that do not know of it")
	f.BoolVar(&o.reliable, "reliable", false, "members speak the reliable subprotocol and recover their sessions, instead of resuming by since")
	f.BoolVar(&o.hurry, "hurry", false, "send each gateway a second SIGTERM in the middle of its window, so that the rest is closed at once")
	f.Float64Var(&o.maxBurst, "max-burst", o.maxBurst, "fail if in one second more than so many times members / window come back; 0: any")
	f.StringVar(&o.output.json, "json", "", "write the result as JSON to this file")
	f.BoolVar(&o.output.quiet, "quiet", false, "no progress")
	return c
}

// validate returns an error that names the flag to change.
func (o rollingOptions) validate() error {
	switch {
	case o.host.Binary == "":
		return errors.New("--gateway: name the gateway's program, to be started for this")
	case o.broker != "" && !strings.HasPrefix(o.broker, "redis"):
		return fmt.Errorf("--broker %s: want the URL of a Redis that the gateways share, such as redis://127.0.0.1:6379/0, or nothing for one that the harness starts", o.broker)
	case o.plan.Publishers < 1 || o.plan.Publishers > o.plan.Groups:
		return fmt.Errorf("--publishers %d: want 1 to the number of groups, %d", o.plan.Publishers, o.plan.Groups)
	case o.plan.Rate <= 0:
		return fmt.Errorf("--rate %g: want more than nothing", o.plan.Rate)
	case o.rest <= 0 || o.patience <= 0 || o.window < time.Second || o.delay < 0:
		return fmt.Errorf("--rest %v --patience %v --window %v --delay %v: want more than nothing, a second or more, and nothing or more", o.rest, o.patience, o.window, o.delay)
	}
	return o.plan.Validate()
}

// run starts all, restarts the gateways and tells.
func (o rollingOptions) run(ctx context.Context, stdout io.Writer, show *Progress) error {
	r, err := o.measure(ctx, show)
	if err != nil {
		return failure{err}
	}
	return verdict(r.writeTable(stdout), writeFile(o.output.json, indented(r)), r.Failures)
}

// measure is the whole scene.
func (o rollingOptions) measure(ctx context.Context, show *Progress) (r *Rolling, err error) {
	if err := allowFiles(o.plan.Connections + o.plan.Publishers); err != nil {
		return nil, err
	}
	if o.broker == "" {
		d, failed := deploy(ctx, standalone)
		if failed != nil {
			return nil, failed
		}
		defer func() { err = errors.Join(err, d.Close()) }()
		o.broker = d.URL()
	}
	p := &pairOfNodes{o: o}
	defer func() { err = errors.Join(err, p.close()) }()
	if err := p.open(ctx); err != nil {
		return nil, err
	}
	b, err := o.balancer.start(ctx, p.addresses[:])
	if err != nil {
		return nil, err
	}
	defer b.close()
	o.plan.URL = b.url
	c := newCrowd(ctx, o)
	defer c.end()
	if err := c.gather(show); err != nil {
		return nil, err
	}
	pause(ctx, o.rest)
	for i := range p.nodes {
		show.Line("node %d of %d: SIGTERM", i+1, len(p.nodes))
		if err := p.restart(ctx, i, c); err != nil {
			return nil, err
		}
		show.Line("node %d of %d: restarted, everybody is back", i+1, len(p.nodes))
		pause(ctx, o.rest) // the balancer has to find the new node well
	}
	c.settle()
	return c.result(), nil
}

// pairOfNodes is the gateways behind the balancer, whose addresses stay.
type pairOfNodes struct {
	o         rollingOptions
	nodes     [2]*Node // nil while one is not there
	addresses [2]string
}

// open starts both.
func (p *pairOfNodes) open(ctx context.Context) (err error) {
	for i := range p.nodes {
		if p.nodes[i], err = p.o.start(ctx, "127.0.0.1:0"); err != nil {
			return err
		}
		u, err := url.Parse(p.nodes[i].URL)
		if err != nil {
			return err
		}
		p.addresses[i] = u.Host
	}
	return nil
}

// restart ends one as an operator does, starts it again, and waits until all members are
// back.
func (p *pairOfNodes) restart(ctx context.Context, i int, c *crowd) (err error) {
	c.turn()
	old := p.nodes[i]
	p.nodes[i] = nil
	if p.o.hurry {
		again := time.AfterFunc(p.o.delay+p.o.window/2, func() { _ = old.cmd.Process.Signal(syscall.SIGTERM) })
		defer again.Stop()
	}
	if err := old.Close(); err != nil {
		return err
	}
	c.restarted()
	if p.nodes[i], err = p.o.start(ctx, p.addresses[i]); err != nil {
		return err
	}
	return c.back()
}

// close ends those that are there.
func (p *pairOfNodes) close() (err error) {
	for _, n := range p.nodes {
		if n != nil {
			err = errors.Join(err, n.Close())
		}
	}
	return err
}

// start starts a gateway at an address, and waits until it is ready: the balancer takes
// one that is not for dead, and would give its share to the other.
func (o rollingOptions) start(ctx context.Context, listen string) (*Node, error) {
	flags := []string{"--listen", listen, "--broker", o.broker, "--set", "drain.delay=" + o.delay.String(), "--set", "drain.window=" + o.window.String()}
	n, err := o.host.Start(ctx, nil, append(flags, roomFor(o.plan.Connections+o.plan.Publishers)...)...)
	if err != nil {
		return nil, err
	}
	if err := awaitReady(ctx, n.Operator+"/readyz", nil); err != nil {
		return nil, errors.Join(fmt.Errorf("the gateway is not ready: %w", err), n.Close())
	}
	return n, nil
}
