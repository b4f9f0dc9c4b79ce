package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// smallPart is a part that a busy machine does in a moment.
func smallPart(name string) Part {
	return Part{
		Name: name, Shape: Shape{Name: "3x4", Groups: 3, Connections: 12}, Size: 64, Window: 9, Publishers: 2, Acks: name == intake,
		warmup: 10 * time.Millisecond, duration: 50 * time.Millisecond, patience: 30 * time.Second, rate: 200,
	}
}

// perform does a part with servers, for two rounds.
func perform(t *testing.T, p Part, subjects ...Subject) (*Score, error) {
	t.Helper()
	return p.perform(t.Context(), subjects, 2, newProgress(io.Discard, true))
}

// hasEmpty reports whether nothing was counted in a round.
func (s *Score) hasEmpty() bool {
	for _, rounds := range s.Rounds {
		for _, r := range rounds {
			if r.Count == 0 {
				return true
			}
		}
	}
	return false
}

// Every part at every kind of server, in both kinds of shape, with all sizes of
// frame headers: what was published has all arrived, or perform would have said so.
func TestPartsWhole(t *testing.T) {
	t.Parallel()
	f := func(name string, change func(p *Part)) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &groupServer{}
			url, _ := s.serve(t)
			subjects := []Subject{
				{Name: "write", URL: "tcp://" + serveBare(t, false)},
				{Name: "join", URL: "tcp://" + serveBare(t, true), PID: os.Getpid()},
				{Name: "memory", URL: url + "/client/hubs/chat", PID: os.Getpid()},
			}
			p := smallPart(name)
			change(&p)
			var score *Score
			for empty := true; empty; p.duration *= 4 { // a busy machine may have done nothing in a moment
				var err error
				if score, err = perform(t, p, subjects...); err != nil {
					t.Fatal(err)
				}
				empty = p.duration < time.Minute && score.hasEmpty()
			}
			for _, s := range subjects {
				rounds := score.Rounds[s.Name]
				if p.Acks && s.Bare() {
					continue
				}
				if len(rounds) != 2 || rounds[0].Count == 0 || rounds[1].Count == 0 || (rounds[0].P50 > 0) != (name == latency) {
					t.Errorf("%s: %+v, want two rounds with something in them", s.Name, rounds)
				}
			}
			if len(score.Ratios) == 0 && !p.Acks {
				t.Error("nothing is compared")
			}
		})
	}
	f(throughput, func(*Part) {})
	f(throughput, func(p *Part) { p.Size = 1000 })
	f(throughput, func(p *Part) { p.Size, p.Window = 70_000, 3 })
	f(throughput, func(p *Part) { p.Window = 1 })
	f(throughput, func(p *Part) { p.Shape = Shape{Name: "4in5", Groups: 5, Connections: 4, Everywhere: true} })
	f(throughput, func(p *Part) { p.Shape = Shape{Name: "1x2", Groups: 1, Connections: 2} })
	f(latency, func(*Part) {})
	f(intake, func(p *Part) { p.Window = 5 })
}

// The first thing that goes wrong at one member ends the run, and is named.
func TestPartFaults(t *testing.T) {
	t.Parallel()
	f := func(name string, s *groupServer, want string, change func(p *Part)) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url, _ := s.serve(t)
			p := smallPart(throughput)
			// As long as it takes: the fault ends it, and no clock.
			p.duration = time.Minute
			change(&p)
			_, err := perform(t, p, Subject{Name: "memory", URL: url})
			if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "memory, 3x4, 64 bytes") {
				t.Errorf("%v, want %q", err, want)
			}
		})
	}
	at := func(what fault) func(member, n int) fault {
		return func(member, n int) fault {
			if member == 5 && n == 20 {
				return what
			}
			return deliver
		}
	}
	same := func(*Part) {}
	f("lose", &groupServer{fault: at(lose)}, "message 21 came when 20 was due", same)
	f("twice", &groupServer{fault: at(twice)}, "message 20 came a second time", same)
	f("hold", &groupServer{fault: at(hold)}, "message 21 came when 20 was due", same)
	f("the last", &groupServer{fault: func(member, n int) fault {
		if member == 5 && n >= 20 {
			return lose
		}
		return deliver
	}}, "lost: nothing has come for", func(p *Part) { p.patience = time.Second })
	f("misrouted", &groupServer{routed: func(g string) string { return g[:len(g)-1] + "0" }}, "a message to group", same)
	f("closed", &groupServer{close: func(n int) ws.StatusCode {
		if n == 30 {
			return 1008
		}
		return 0
	}}, "the server closed it with 1008 (on purpose)", same)
	f("refused", &groupServer{refuse: func(n int) bool { return n >= 10 }}, "refused a publish: TooManyRequests", func(p *Part) { p.Name, p.Acks = intake, true })
	f("fragments", &groupServer{split: true}, "whole text frames", same)
}

// The servers take turns in another order each round, and a signal ends it.
func TestPartInterrupted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	p := smallPart(throughput)
	var said strings.Builder
	show := newProgress(writerFunc(func(b []byte) (int, error) {
		if said.Write(b); strings.Count(said.String(), "\n") == 5 {
			cancel()
		}
		return len(b), nil
	}), false)
	_, err := p.perform(ctx, []Subject{
		{Name: "write", URL: "tcp://" + serveBare(t, false)}, {Name: "join", URL: "tcp://" + serveBare(t, true)},
	}, 1000, show)
	if err == nil || !strings.Contains(err.Error(), "interrupted in round 3") {
		t.Errorf("%v, want it interrupted", err)
	}
	if order := regexp.MustCompile(`(?s)write.*join.*join.*write.*write`); !order.MatchString(said.String()) {
		t.Errorf("the servers do not take turns:\n%s", said.String())
	}
}

type writerFunc func(b []byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

// The program as scripts call it: two bare servers as processes of their own, a
// gateway that is ours, a table and a file.
func TestBinaryLimit(t *testing.T) {
	t.Parallel()
	name := build(t)
	s := &groupServer{}
	url, _ := s.serve(t)
	file := filepath.Join(t.TempDir(), "limit.json")
	args := []string{"limit", "--quiet", "--rounds", "1", "--duration", "100ms", "--warmup", "10ms", "--patience", "1m",
		"--shapes", "10in1000,100x10", "--sizes", "64,1024", "--publishers", "3", "--unanswered", "4",
		"--outstanding", "500", "--rate", "100", "--json", file,
		"--server", "memory=" + url, "--pid", fmt.Sprintf("memory=%d", os.Getpid())}
	for _, bare := range [][]string{{"write", "bare"}, {"join", "bare", "--join"}} {
		address, pid := startBare(t, name, bare[1:]...)
		args = append(args, "--server", bare[0]+"=tcp://"+address, "--pid", fmt.Sprintf("%s=%d", bare[0], pid))
	}
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{"throughput, 10in1000, 64 bytes: deliveries with 50 under way", "throughput, 100x10, 1,024 bytes", "latency, 100x10",
		"intake, 100x1, 64 bytes: acked publishes of 3 publishers with 4 unanswered", "memory/write", "memory/join"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	var l Limits
	b, err := os.ReadFile(file)
	if err != nil || json.Unmarshal(b, &l) != nil || len(l.Scores) != 6 || len(l.Scores[0].Rounds) != 3 || len(l.Scores[5].Rounds) != 1 {
		t.Errorf("%v\n%s", err, b)
	}
}

// startBare runs a bare server until the test ends. It must end well then.
func startBare(t *testing.T, name string, args ...string) (address string, pid int) {
	t.Helper()
	cmd := exec.Command(name, args...)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt) // has ended already: Wait tells how
		if err := cmd.Wait(); err != nil {
			t.Errorf("bench bare: %v", err)
		}
	})
	if _, err := fmt.Fscanf(stderr, "msg=listening name=public address=%s", &address); err != nil {
		t.Fatal(err)
	}
	return address, cmd.Process.Pid
}
