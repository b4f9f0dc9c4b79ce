package main

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// spawned is the variable that has this test binary be the gateway.
const spawned = "GATEWAY_SPAWNED"

// process is the gateway in a process of its own, for what is the process's: signals
// and the exit code. It is this very test binary, so it is built as the tests are.
type process struct {
	*gateway
	cmd   *exec.Cmd
	ended chan struct{} // closed when it has ended and its log was read
	code  int           // its exit code, then
}

// spawn starts the gateway on free ports, with further flags, and waits until it
// serves. At the test's end it is killed, if it has not ended.
func spawn(t testing.TB, args ...string) *process {
	t.Helper()
	p := &process{gateway: &gateway{t: t, log: &logLines{}}, ended: make(chan struct{})}
	args = append([]string{"--listen", "127.0.0.1:0", "--operator", "127.0.0.1:0", "--set", "log.format=json", "--set", "drain.delay=0"}, args...)
	p.cmd = exec.Command(os.Args[0], args...)
	p.cmd.Env = append(os.Environ(), spawned+"=1")
	log, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ready := make(chan struct{})
	go func() {
		defer close(p.ended)
		p.readLog(log, ready)
		_, _ = io.Copy(io.Discard, log)
		_ = p.cmd.Wait()
		p.code = p.cmd.ProcessState.ExitCode()
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.ended
		if t.Failed() {
			t.Logf("the gateway's log:\n%s", p.log)
		}
	})
	select {
	case <-ready:
	case <-p.ended:
		t.Fatalf("the gateway did not start:\n%s", p.log)
	case <-time.After(patience):
		t.Fatalf("the gateway does not listen:\n%s", p.log)
	}
	return p
}

// signal sends the process one.
func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Fatal(err)
	}
}

// said waits until the log has a line with these words.
func (p *process) said(words string) {
	p.t.Helper()
	eventually(p.t, "the log says: "+words, func() bool { return strings.Contains(p.log.String(), words) })
}

// endsWith waits until the process has ended, with this exit code.
func (p *process) endsWith(code int) {
	p.t.Helper()
	select {
	case <-p.ended:
	case <-time.After(2 * patience):
		p.t.Fatal("the process does not end")
	}
	if p.code != code {
		p.t.Fatalf("the exit code is %d, want %d", p.code, code)
	}
}
