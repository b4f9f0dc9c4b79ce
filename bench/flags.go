package main

import "github.com/spf13/cobra"

// addTarget declares the flags that say whom to load and with what.
func addTarget(c *cobra.Command, p *Plan) {
	addTargetURL(c, p)
	c.Flags().IntVar(&p.Connections, "connections", p.Connections, "connections that are members of a group")
}

// addTargetURL declares the flags that say whom to load.
func addTargetURL(c *cobra.Command, p *Plan) {
	f := c.Flags()
	f.StringVar(&p.URL, "url", p.URL, "where clients connect; with "+groupMark+" in the path a route of bare payloads")
	f.StringVar(&p.Operator, "operator", p.Operator, "base URL of the operator listener, for the gateway's CPU and RSS")
	f.StringVar(&p.Token, "token", p.Token, "access token that may join and send to the groups")
}

// addLoad declares the flags that make the load. Their defaults are the command's
// own plan, so that --help shows what would be done.
func addLoad(c *cobra.Command, p *Plan) {
	f := c.Flags()
	f.IntVar(&p.Groups, "groups", p.Groups, "groups, over which the connections are spread evenly")
	f.IntVar(&p.Publishers, "publishers", p.Publishers, "further connections that publish; 0: the members take turns")
	f.Float64Var(&p.Rate, "rate", p.Rate, "publishes a second")
	f.IntVar(&p.Size, "size", p.Size, "bytes of payload")
	f.DurationVar(&p.Duration, "duration", p.Duration, "measured time")
	f.DurationVar(&p.Warmup, "warmup", p.Warmup, "time before it: checked for loss, left out of the figures")
	f.DurationVar(&p.Drain, "drain", p.Drain, "longest wait for the tail")
	f.DurationVar(&p.MaxP99, "max-p99", p.MaxP99, "fail if p99 is above this; 0: any")
	f.IntVar(&p.Loops, "loops", p.Loops, "epoll loops of the harness, one thread each")
}

// addOutput declares where the results go beside the terminal.
func addOutput(c *cobra.Command, o *output) {
	f := c.Flags()
	f.StringVar(&o.json, "json", "", "write the result as JSON to this file")
	f.StringVar(&o.html, "html", "", "write a self-contained HTML report to this file")
	f.BoolVar(&o.quiet, "quiet", false, "no progress")
}
