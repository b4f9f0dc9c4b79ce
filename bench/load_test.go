package main

import (
	"context"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"go.uber.org/goleak"
)

// TestMain fails the run if a goroutine outlives the tests. In a process that bench
// hostile has started it is the program itself.
func TestMain(m *testing.M) {
	if os.Getenv(offendVariable) != "" {
		main()
	}
	goleak.VerifyTestMain(m)
}

// smallPlan is a load that a busy machine carries.
func smallPlan(url string) Plan {
	p := defaultPlan()
	p.URL, p.Connections, p.Groups, p.Rate, p.Size = url, 12, 3, 300, 100
	p.Warmup, p.Duration, p.Drain = 200*time.Millisecond, 800*time.Millisecond, 10*time.Second
	return p
}

// mustLoad runs a plan and returns what came of it.
func mustLoad(t *testing.T, p Plan) *Result {
	t.Helper()
	if err := p.Validate(); err != nil {
		t.Fatal(err)
	}
	r, err := load(t.Context(), p, newProgress(io.Discard, true))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// wantFaults compares what the harness counted with what the server did.
func wantFaults(t *testing.T, r *Result, lost uint64, want Faults) {
	t.Helper()
	if r.Deliveries.Lost != lost || r.Deliveries.Faults != want {
		t.Errorf("%d lost and %+v, want %d and %+v; %v", r.Deliveries.Lost, r.Deliveries.Faults, lost, want, r.Failures)
	}
}

// wantWhole demands that all that was intended came about.
func wantWhole(t *testing.T, r *Result) {
	t.Helper()
	wantFaults(t, r, 0, Faults{})
	p, d := r.Publishes, r.Deliveries
	if p.Intended == 0 || p.Acked != p.Intended || d.Delivered != d.Owed || d.Owed < p.Intended {
		t.Errorf("%+v, %+v: want all acked and delivered", p, d)
	}
	if r.Latency.Count != int64(d.Delivered) || r.Latency.P50 <= 0 || r.Latency.Max < r.Latency.P99 {
		t.Errorf("latency of %d deliveries: %+v", d.Delivered, r.Latency)
	}
}

func TestLoadWhole(t *testing.T) {
	t.Parallel()
	f := func(name string, change func(s *groupServer, p *Plan)) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &groupServer{}
			url, _ := s.serve(t)
			p := smallPlan(url + "/client/hubs/chat")
			change(s, &p)
			r := mustLoad(t, p)
			wantWhole(t, r)
			// The schedule had rate × duration turns, whatever became of them.
			if want := p.Rate * p.Duration.Seconds(); float64(r.Publishes.Intended) < want-1 || float64(r.Publishes.Intended) > want+1 {
				t.Errorf("%d publishes intended, want %g", r.Publishes.Intended, want)
			}
		})
	}
	f("members take turns", func(*groupServer, *Plan) {})
	f("two loops", func(_ *groupServer, p *Plan) { p.Loops = 2 })
	f("more loops than connections", func(_ *groupServer, p *Plan) { p.Loops, p.Connections, p.Groups = 8, 2, 1 })
	f("one publisher", func(_ *groupServer, p *Plan) { p.Publishers = 1 })
	f("five publishers on two loops", func(_ *groupServer, p *Plan) { p.Publishers, p.Loops = 5, 2 })
	f("one publisher on two loops", func(_ *groupServer, p *Plan) { p.Publishers, p.Loops = 1, 2 })
	f("uneven groups", func(_ *groupServer, p *Plan) { p.Connections, p.Groups = 11, 4 })
	f("plain route", func(_ *groupServer, p *Plan) {
		p.URL = strings.TrimSuffix(p.URL, "/client/hubs/chat") + "/plain/" + groupMark
	})
	f("large messages", func(_ *groupServer, p *Plan) { p.Size, p.Rate = 200_000, 20 })
	f("fragments and pings", func(s *groupServer, _ *Plan) { s.split = true })
	f("no warm-up", func(_ *groupServer, p *Plan) { p.Warmup = 0 })
}

// one is a load whose messages all belong to one series, so that each fault has
// one possible count.
func one(p *Plan) { p.Connections, p.Groups, p.Publishers = 4, 1, 1 }

func TestLoadCountsFaults(t *testing.T) {
	t.Parallel()
	f := func(name string, fault func(member, n int) fault, lost uint64, want Faults) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &groupServer{fault: fault}
			url, _ := s.serve(t)
			p := smallPlan(url)
			one(&p)
			p.Drain = 300 * time.Millisecond // what is lost does not come, however long one waits
			r := mustLoad(t, p)
			wantFaults(t, r, lost, want)
			if !r.Failed() {
				t.Error("the run passed")
			}
		})
	}
	const n = 300 // publishes in all, the last is number 299
	only := func(member, n int, what fault) func(int, int) fault {
		return func(m, i int) fault {
			if m == member && i == n {
				return what
			}
			return deliver
		}
	}
	f("one lost", only(2, 150, lose), 1, Faults{})
	f("the first lost", only(0, 0, lose), 1, Faults{})
	f("the last lost", only(3, n-1, lose), 1, Faults{})
	f("a member's whole tail lost", func(m, i int) fault {
		if m == 1 && i >= 200 {
			return lose
		}
		return deliver
	}, n-200, Faults{})
	f("one twice", only(1, 10, twice), 0, Faults{Duplicated: 1})
	f("the last twice", only(1, n-1, twice), 0, Faults{Duplicated: 1})
	f("one late", only(3, 77, hold), 0, Faults{Reordered: 1})
	f("all of it", func(m, i int) fault {
		switch i % 30 {
		case 10:
			return lose
		case 15:
			return twice
		case 20:
			return hold
		}
		return deliver
	}, 4*n/30, Faults{Duplicated: 4 * n / 30, Reordered: 4 * n / 30})
}

// A message that goes to the wrong group is misrouted there and lost here.
func TestLoadCountsMisrouted(t *testing.T) {
	t.Parallel()
	s := &groupServer{}
	s.routed = func(group string) string {
		if s.published.Load() == 100 && !strings.HasSuffix(group, "-2") {
			return group[:strings.LastIndex(group, "-")] + "-2"
		}
		if s.published.Load() == 101 && strings.HasSuffix(group, "-2") {
			return group[:strings.LastIndex(group, "-")] + "-1"
		}
		return group
	}
	url, _ := s.serve(t)
	p := smallPlan(url)
	p.Connections, p.Groups, p.Publishers = 4, 4, 1
	p.Drain = 300 * time.Millisecond
	r := mustLoad(t, p)
	// Publish 100 or, if that one went to group 2 anyway, 101: one member each.
	wantFaults(t, r, 1, Faults{Misrouted: 1})
}

// What the server refuses is not lost: it was never acked.
func TestLoadCountsRefusals(t *testing.T) {
	t.Parallel()
	s := &groupServer{refuse: func(n int) bool { return n%3 == 1 }}
	url, _ := s.serve(t)
	p := smallPlan(url)
	p.Warmup = 0
	r := mustLoad(t, p)
	wantFaults(t, r, 0, Faults{})
	if p := r.Publishes; p.Refused != 80 || p.Acked != 160 {
		t.Errorf("%+v: want 160 acked and 80 refused", p)
	}
	if r.Held || len(r.Notes) == 0 || !strings.Contains(strings.Join(r.Notes, " "), "TooManyRequests: slow down") {
		t.Errorf("held %v, notes %q: want the refusal's own words", r.Held, r.Notes)
	}
}

// Frames that are neither ours nor an answer to us are counted, and nothing else.
func TestLoadCountsForeign(t *testing.T) {
	t.Parallel()
	s := &groupServer{chat: func(w io.Writer) {
		for _, b := range []string{`{"type":"message","from":"group","group":"g","data":"hello"}`, `not json`, `{"type":"ack","ackId":99999,"success":true}`} {
			_ = ws.WriteFrame(w, ws.NewTextFrame([]byte(b)))
		}
	}}
	url, _ := s.serve(t)
	p := smallPlan(url + "/plain/" + groupMark) // no join would read them away
	r := mustLoad(t, p)
	wantFaults(t, r, 0, Faults{Foreign: 3 * 12})
	if r.Failed() && r.Held {
		t.Errorf("foreign frames failed the run: %v", r.Failures)
	}
}

// The harness is open-loop: what a server takes late counts from when it was due,
// for every message that waited, and not only for the one that the server sat on.
func TestLoadCountsStallsFromTheDueTime(t *testing.T) {
	t.Parallel()
	const stall = 600 * time.Millisecond
	s := &groupServer{stall: func(n int) time.Duration {
		if n == 100 {
			return stall
		}
		return 0
	}}
	url, _ := s.serve(t)
	p := smallPlan(url)
	one(&p)
	p.Warmup = 0
	r := mustLoad(t, p)
	wantWhole(t, r)
	// 180 of 240 publishes fell due while the server slept or just after.
	if stalled := milliseconds(stall.Microseconds()); r.Latency.Max < 0.95*stalled || r.Latency.P90 < 0.5*stalled {
		t.Errorf("latency %v: a stall of %v does not show", r.Latency, stall)
	}
}

// A server that no longer reads makes the harness give up sends, not hang.
func TestLoadCannotDeadlock(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	s := &groupServer{stall: func(n int) time.Duration {
		if n >= 20 {
			<-release
		}
		return 0
	}}
	url, _ := s.serve(t)
	t.Cleanup(func() { close(release) }) // runs before the server's own
	p := smallPlan(url)
	one(&p)
	p.Size, p.Rate, p.Drain = 100_000, 400, 200*time.Millisecond
	began := time.Now()
	r := mustLoad(t, p)
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("the run took %v", took)
	}
	if r.Held || r.Publishes.Sent >= r.Publishes.Intended {
		t.Errorf("held %v, %+v: want a rate that was not held", r.Held, r.Publishes)
	}
	wantFaults(t, r, 0, Faults{})
}

func TestLoadReportsClosedConnections(t *testing.T) {
	t.Parallel()
	s := &groupServer{close: func(n int) ws.StatusCode {
		if n == 50 {
			return ws.StatusCode(1012)
		}
		return 0
	}}
	url, _ := s.serve(t)
	p := smallPlan(url)
	p.Drain = 200 * time.Millisecond
	r := mustLoad(t, p)
	if r.Connect.Closed != 1 || r.Held || !strings.Contains(r.Summary(), "closed it with 1012 (on purpose)") {
		t.Errorf("%d closed; %s", r.Connect.Closed, r.Summary())
	}
	if r.Deliveries.Lost == 0 {
		t.Error("the closed member missed nothing")
	}
}

// A signal ends the schedule, and what was published until then is reported.
func TestLoadCut(t *testing.T) {
	t.Parallel()
	s := &groupServer{}
	url, _ := s.serve(t)
	p := smallPlan(url)
	p.Warmup, p.Duration = 0, time.Hour
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		for s.published.Load() < 50 && ctx.Err() == nil {
			time.Sleep(5 * time.Millisecond)
		}
		cancel()
	}()
	r, err := load(ctx, p, newProgress(io.Discard, true))
	if err != nil {
		t.Fatal(err)
	}
	wantFaults(t, r, 0, Faults{})
	if !r.Cut || r.Publishes.Acked < 40 || r.Measured > 600 {
		t.Errorf("cut %v, %+v in %.1f s", r.Cut, r.Publishes, r.Measured)
	}
}

func TestLoadErrors(t *testing.T) {
	f := func(s *groupServer, change func(p *Plan), want string) {
		t.Helper()
		url, _ := s.serve(t)
		p := smallPlan(url)
		change(&p)
		_, err := load(t.Context(), p, newProgress(io.Discard, true))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want an error with %q", err, want)
		}
	}
	f(&groupServer{denied: true}, func(*Plan) {}, "refused joinGroup: Forbidden: no role")
	f(&groupServer{}, func(p *Plan) { p.Token = "wrong" }, "401 Unauthorized")
	f(&groupServer{}, func(p *Plan) { p.URL = "ws://127.0.0.1:1/" }, "is the gateway running")
	f(&groupServer{}, func(p *Plan) { p.Operator = "http://127.0.0.1:1" }, "check --operator")
	f(&groupServer{}, func(p *Plan) { p.Connections = 1 << 20 }, "raise it (ulimit -Hn")
}
