package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// bench runs the program as main does, and returns what it said.
func bench(ctx context.Context, args ...string) (code int, stdout, stderr string) {
	var out, err bytes.Buffer
	code = run(ctx, args, &out, &err)
	return code, out.String(), err.String()
}

func TestExitCodes(t *testing.T) {
	f := func(want int, words string, args ...string) {
		t.Helper()
		code, stdout, stderr := bench(t.Context(), args...)
		if code != want || !strings.Contains(stdout+stderr, words) {
			t.Errorf("bench %q: exit code %d, want %d and %q\n%s%s", args, code, want, words, stdout, stderr)
		}
	}
	f(exitDone, "bench search --duration 5s", "--help")
	f(exitDone, "--max-p99", "run", "--help")
	f(exitDone, "--highest", "search", "--help")
	f(exitDone, "--groups-per-connection", "idle", "--help")

	f(exitUsage, "say what to do")
	f(exitDone, "--outstanding", "limit", "--help")
	f(exitDone, "--join", "bare", "--help")

	f(exitUsage, "unknown command", "walk")
	f(exitUsage, "unknown flag", "run", "--walk")
	f(exitUsage, "invalid argument", "run", "--rate", "much")
	f(exitUsage, "unknown command", "run", "now")
	f(exitUsage, "bench idle", "run", "--rate", "0")
	f(exitUsage, "--groups 5", "run", "--connections", "4", "--groups", "5")
	f(exitUsage, "--highest", "search", "--rate", "10", "--highest", "5")
	f(exitUsage, "--operator", "idle", "--operator", "")
	f(exitUsage, "--groups-per-connection -1", "idle", "--groups-per-connection", "-1")
	f(exitUsage, "--gateway", "idle", "--connections", "5,6")
	f(exitUsage, "--heap", "idle", "--heap")
	f(exitUsage, "--gateway", "slow")
	f(exitUsage, "--readers 1000", "slow", "--gateway", "g", "--readers", "1000")
	f(exitUsage, "--gateway", "storm")
	f(exitUsage, "--waves 0", "storm", "--gateway", "g", "--waves", "0")
	f(exitUsage, "--gateway", "workers")
	f(exitUsage, "--workers [0]", "workers", "--gateway", "g", "--workers", "0")
	f(exitFailed, "make build", "idle", "--connections", "5,6", "--gateway", "/nowhere/gateway")

	f(exitUsage, "--server: name at least one", "limit")
	f(exitUsage, "--server fast: want one of", "limit", "--server", "fast=tcp://127.0.0.1:1")
	f(exitUsage, "want tcp://HOST:PORT", "limit", "--server", "write=127.0.0.1:1")
	f(exitUsage, "--pid redis: there is no --server", "limit", "--server", "write=tcp://127.0.0.1:1", "--pid", "redis=1")
	f(exitUsage, "--shapes 2x2", "limit", "--server", "write=tcp://127.0.0.1:1", "--shapes", "2x2")
	f(exitUsage, "--sizes 3", "limit", "--server", "write=tcp://127.0.0.1:1", "--sizes", "64,3")
	f(exitUsage, "--parts all", "limit", "--server", "write=tcp://127.0.0.1:1", "--parts", "all")
	f(exitUsage, "--rounds 0", "limit", "--server", "write=tcp://127.0.0.1:1", "--rounds", "0")
	f(exitUsage, "--duration 0s", "limit", "--server", "write=tcp://127.0.0.1:1", "--duration", "0")
	f(exitUsage, "--outstanding 0", "limit", "--server", "write=tcp://127.0.0.1:1", "--outstanding", "0")
	f(exitUsage, "--rate 0", "limit", "--server", "write=tcp://127.0.0.1:1", "--rate", "0")
	f(exitUsage, "--publishers 0", "limit", "--server", "write=tcp://127.0.0.1:1", "--publishers", "0")
	f(exitUsage, "--unanswered 0", "limit", "--server", "write=tcp://127.0.0.1:1", "--unanswered", "0")
	f(exitUsage, "loopback address", "bare", "--listen", "0.0.0.0:0")
	f(exitUsage, "--listen", "bare", "--listen", "nowhere")

	f(exitFailed, "is the gateway running", "limit", "--server", "memory=ws://127.0.0.1:1/")
	f(exitFailed, "connection refused", "limit", "--server", "join=tcp://127.0.0.1:1")
	f(exitFailed, "is the gateway running", "run", "--url", "ws://127.0.0.1:1/")
	f(exitFailed, "is the gateway running", "search", "--url", "ws://127.0.0.1:1/")
	f(exitFailed, "check --operator", "idle", "--operator", "http://127.0.0.1:1")
}

// small are the flags of a load that a busy machine carries, on a server.
func small(url string, more ...string) []string {
	return append([]string{"--url", url, "--connections", "12", "--groups", "3", "--rate", "100",
		"--warmup", "100ms", "--drain", "10s", "--duration"}, more...)
}

// A run prints its table and leaves both files, and a loss makes it fail.
func TestRunCommand(t *testing.T) {
	t.Parallel()
	s := &groupServer{fault: func(member, n int) fault {
		if member == 3 && n == 20 {
			return lose
		}
		return deliver
	}}
	url, operator := s.serve(t)
	dir := filepath.Join(t.TempDir(), "not", "yet", "there")
	jsonFile, htmlFile := filepath.Join(dir, "r.json"), filepath.Join(dir, "r.html")
	code, stdout, stderr := bench(t.Context(), append([]string{"run"},
		small(url, "3s", "--operator", operator, "--drain", "300ms", "--json", jsonFile, "--html", htmlFile)...)...)
	if code != exitFailed {
		t.Errorf("exit code %d, want %d", code, exitFailed)
	}
	for _, want := range []string{"12 connections in 3 groups", "100/s acked; 300 of 300", "1 lost, 0 duplicated", "CPU cores", "1 delivery of an acked publish was lost"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("the table has no %q:\n%s", want, stdout)
		}
	}
	if !strings.Contains(stderr, "12 connections in") || !strings.Contains(stderr, "measuring") {
		t.Errorf("no progress:\n%s", stderr)
	}
	checkJSON(t, jsonFile)
	checkHTML(t, htmlFile)
}

// checkJSON reads the result back.
func checkJSON(t *testing.T, name string) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var r Result
	if err := json.Unmarshal(b, &r); err != nil {
		t.Fatal(err)
	}
	if r.Deliveries.Lost != 1 || r.Publishes.Acked != 300 || len(r.Points) < 3 || r.Gateway == nil || r.Gateway.RSS < r.Gateway.BaseRSS {
		t.Errorf("%+v %+v, %d points, gateway %+v", r.Publishes, r.Deliveries, len(r.Points), r.Gateway)
	}
}

// checkHTML sees to it that the report has its plots and needs nothing else.
func checkHTML(t *testing.T, name string) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	page := string(b)
	if n := strings.Count(page, "<svg"); n != 4 {
		t.Errorf("%d plots, want 4", n)
	}
	if !strings.Contains(page, "1 delivery of an acked publish was lost") || !strings.Contains(page, "FAILED") {
		t.Error("the report does not tell the verdict")
	}
	fetched := regexp.MustCompile(`(?i)(src|href)\s*=\s*["']?[^#"'\s>]+|url\(|@import|<script|<link`)
	if found := fetched.FindString(page); found != "" {
		t.Errorf("the report would fetch something: %s", found)
	}
}

func TestRunCommandQuietly(t *testing.T) {
	t.Parallel()
	s := &groupServer{}
	url, _ := s.serve(t)
	code, stdout, stderr := bench(t.Context(), append([]string{"run", "--quiet"}, small(url, "500ms", "--max-p99", "1ns")...)...)
	if code != exitFailed || stderr != "" || !strings.Contains(stdout, "above --max-p99") {
		t.Errorf("exit code %d\n%s\n%s", code, stdout, stderr)
	}
}

func TestIdleCommand(t *testing.T) {
	t.Parallel()
	s := &groupServer{}
	url, operator := s.serve(t)
	file := filepath.Join(t.TempDir(), "idle.json")
	code, stdout, stderr := bench(t.Context(), "idle", "--url", url, "--operator", operator, "--connections", "50",
		"--groups-per-connection", "3", "--duration", "4s", "--json", file)
	if code != exitDone {
		t.Fatalf("exit code %d\n%s\n%s", code, stdout, stderr)
	}
	// The server says that each join costs 1000 bytes.
	if !strings.Contains(stdout, "2.93 KiB with a session and 3 groups") {
		t.Errorf("want 3000 bytes a connection:\n%s", stdout)
	}
	var i Idle
	if b, err := os.ReadFile(file); err != nil || json.Unmarshal(b, &i) != nil || i.PerConnection != 3000 || i.Connections != 50 {
		t.Errorf("%v, %+v", err, i)
	}
	if n := s.joined.Load(); n != 150 {
		t.Errorf("%d joins, want 150", n)
	}
}
