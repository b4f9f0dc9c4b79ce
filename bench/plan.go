package main

import (
	"cmp"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/tidegate/tidegate/gateway/wire"
)

// What "held" means. A publish is on schedule if it left within maxLateness of
// its due time, and deliveries may trail the end of the schedule by grace; of
// either, and of the acks, heldShare must make it.
const (
	maxLateness = 100 * time.Millisecond
	grace       = 100 * time.Millisecond
	heldShare   = 0.99
)

// groupMark in a URL stands for the group's name, and makes the connections simple
// clients: bare payloads in both directions, no joins and no acks.
const groupMark = "{group}"

// Plan is what a run is asked to do. It is passed by value and never changes
// while the run goes on.
type Plan struct {
	URL      string `json:"url"`
	Operator string `json:"operator,omitempty"` // the operator listener's base URL; empty: no CPU and RSS
	Token    string `json:"-"`                  // access token, or empty

	Connections int     `json:"connections"`
	Groups      int     `json:"groups"`
	Publishers  int     `json:"publishers"` // connections that only publish; 0: members take turns
	Rate        float64 `json:"rate"`       // publishes a second
	Size        int     `json:"size"`       // bytes of payload

	Warmup   time.Duration `json:"warmup_ns"`   // checked for loss, left out of the figures
	Duration time.Duration `json:"duration_ns"` // measured
	Drain    time.Duration `json:"drain_ns"`    // the longest wait for the tail
	MaxP99   time.Duration `json:"max_p99_ns,omitempty"`
	Loops    int           `json:"loops"` // epoll loops of the harness

	Joins int              `json:"-"`   // groups each connection joins beside its own, for idle; -1: not even that
	Small func(id int) int `json:"-"`   // the receive buffer of a connection, in bytes; nil or 0: the system's own
	Speak string           `json:"-"`   // the subprotocol; empty: wire.Protocol
	Run   string           `json:"run"` // part of each group's name, so that runs do not hear each other
}

// defaultPlan is the load that a gateway has to carry by its specification.
func defaultPlan() Plan {
	return Plan{
		URL:         "ws://127.0.0.1:8000/client/hubs/chat",
		Connections: 1000,
		Groups:      100,
		Rate:        10_000,
		Size:        128,
		Warmup:      2 * time.Second,
		Duration:    30 * time.Second,
		Drain:       10 * time.Second,
		Loops:       1,
	}
}

// Layout is who is in which group.
func (p Plan) Layout() Layout {
	return Layout{Connections: p.Connections, Groups: p.Groups, Publishers: p.Publishers}
}

// Plain reports whether the connections are simple clients on a route.
func (p Plan) Plain() bool { return strings.Contains(p.URL, groupMark) }

// Protocol is the subprotocol that connections ask for.
func (p Plan) Protocol() string { return cmp.Or(p.Speak, wire.Protocol) }

// GroupName is the name of a group on the server. Letters, digits and hyphens
// only, so that it may stand in a URL and in JSON as it is.
func (p Plan) GroupName(group int) string { return fmt.Sprintf("bench-%s-%d", p.Run, group) }

// Address is the URL that a connection dials.
func (p Plan) Address(id int) string {
	return strings.ReplaceAll(p.URL, groupMark, p.GroupName(max(p.Layout().Group(id), 0)))
}

// Names are the groups that a connection joins: its own, and what idle adds.
func (p Plan) Names(id int) []string {
	if p.Plain() || id >= p.Connections || p.Joins < 0 {
		return nil
	}
	names := []string{p.GroupName(p.Layout().Group(id))}
	for i := range p.Joins {
		names = append(names, p.GroupName(p.Groups+id*p.Joins+i))
	}
	return names
}

// Validate is called once, before anything is opened. It returns an
// error that names the flag to change.
func (p Plan) Validate() error {
	u, err := url.Parse(p.URL)
	switch {
	case err != nil:
		return fmt.Errorf("--url: %w", err)
	case u.Scheme == "wss": // the one wish that looks reasonable, so it gets a reason
		return fmt.Errorf("--url %s: the harness reads sockets itself and speaks no TLS; point it at the gateway behind the TLS proxy, with ws://", p.URL)
	case u.Scheme != "ws" || u.Host == "":
		return fmt.Errorf("--url %s: want an address like %s", p.URL, defaultPlan().URL)
	case p.Plain() && p.Publishers > 0:
		return fmt.Errorf("--publishers: on a route with %s every connection is a member of its group; leave --publishers out", groupMark)
	case p.Connections < 1 || p.Connections > 1<<20:
		return fmt.Errorf("--connections %d: want 1 to %d", p.Connections, 1<<20)
	case p.Groups < 1 || p.Groups > p.Connections:
		return fmt.Errorf("--groups %d: want 1 to the number of connections, %d", p.Groups, p.Connections)
	case p.Publishers < 0 || p.Publishers > 1<<16:
		return fmt.Errorf("--publishers %d: want 0 (members take turns) to %d", p.Publishers, 1<<16)
	}
	return p.validateLoad()
}

// validateLoad checks the numbers that make the load.
func (p Plan) validateLoad() error {
	if p.Operator != "" {
		u, err := url.Parse(p.Operator)
		if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
			return fmt.Errorf("--operator %s: want the base URL of the operator listener, like http://127.0.0.1:9000", p.Operator)
		}
	}
	switch {
	case p.Rate < 0 || p.Rate > 10_000_000:
		return fmt.Errorf("--rate %g: want 0 to 10000000 publishes a second", p.Rate)
	case p.Size < payloadMin || p.Size > 1<<20:
		return fmt.Errorf("--size %d: want %d (the harness's own marks) to %d bytes", p.Size, payloadMin, 1<<20)
	case p.Duration <= 0:
		return fmt.Errorf("--duration %v: want more than nothing", p.Duration)
	case p.Warmup < 0 || p.Drain < 0 || p.MaxP99 < 0:
		return fmt.Errorf("--warmup, --drain and --max-p99 cannot be negative")
	case p.Loops < 1 || p.Loops > 64:
		return fmt.Errorf("--loops %d: want 1 to 64", p.Loops)
	}
	return nil
}
