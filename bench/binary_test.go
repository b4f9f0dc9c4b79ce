package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// build compiles the program as the Makefile does.
func build(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "bench")
	if out, err := exec.Command("go", "build", "-o", name, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return name
}

// CTRL-C ends a run early, and it still reports what it saw.
func TestBinaryInterrupted(t *testing.T) {
	t.Parallel()
	s := &groupServer{}
	url, _ := s.serve(t)
	var stdout, stderr bytes.Buffer
	cmd := exec.Command(build(t), append([]string{"run"}, small(url, "1h")...)...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	poll(t, "messages are published", func() bool { return s.published.Load() > 50 })
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	// Whether the rate was held is a question to the machine; that the program ended by
	// itself and told is not.
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != exitDone && cmd.ProcessState.ExitCode() != exitFailed {
		t.Errorf("%v\n%s", err, stderr.String())
	}
	for _, want := range []string{"0 lost, 0 duplicated", "the run was cut short", "verdict"} {
		if !strings.Contains(stdout.String(), want) {
			t.Errorf("no %q in\n%s", want, stdout.String())
		}
	}
}

// The process ends with the codes that scripts rely on.
func TestBinaryExitCodes(t *testing.T) {
	t.Parallel()
	name := build(t)
	f := func(want int, args ...string) {
		t.Helper()
		cmd := exec.Command(name, args...)
		err := cmd.Run()
		if got := cmd.ProcessState.ExitCode(); got != want {
			t.Errorf("bench %q: %v, want exit code %d", args, err, want)
		}
	}
	f(exitDone, "--help")
	f(exitUsage)
	f(exitUsage, "run", "--size", "1")
	f(exitFailed, "run", "--url", "ws://127.0.0.1:1/")
}
