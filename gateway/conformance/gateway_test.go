package conformance

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// patience is how long a test waits for what must happen.
const patience = 30 * time.Second

// program is the gateway, built once, as the tests are.
var program string

// TestMain builds the gateway. The cases wait for a socket most of the time, so many run
// at once.
func TestMain(m *testing.M) {
	flag.Parse()
	_ = flag.Set("test.parallel", "16")
	dir, err := os.MkdirTemp("", "conformance")
	if err == nil {
		program = filepath.Join(dir, "gateway")
		err = build()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		os.RemoveAll(dir)
		os.Exit(code)
	}))
}

// build builds the gateway, with the race detector if the tests have it.
func build() error {
	args := []string{"build", "-o", program}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "-race" && s.Value == "true" {
				args = append(args, "-race")
			}
		}
	}
	out, err := exec.Command("go", append(args, "github.com/tidegate/tidegate/gateway")...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("building the gateway: %w\n%s", err, out)
	}
	return nil
}

// start runs the gateway with the route /echo and further settings, and returns its
// address. It ends with the test.
func start(t *testing.T, settings ...string) (address string) {
	t.Helper()
	args := []string{"--listen", "127.0.0.1:0", "--operator", "127.0.0.1:0", "--set", "log.format=json", "--set", "drain.delay=0"}
	for _, s := range append([]string{"echo=/echo", "heartbeat.interval=10m", "heartbeat.timeout=20m", "limits.handshake_timeout=1m",
		"limits.messages_per_second=0", "limits.bytes_per_second=0"}, settings...) {
		args = append(args, "--set", s)
	}
	cmd := exec.Command(program, args...)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	found, ended := make(chan string, 1), make(chan struct{})
	var log strings.Builder
	go func() {
		defer close(ended)
		follow(io.TeeReader(stderr, &log), found)
		_ = cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		select {
		case <-ended:
		case <-time.After(patience):
			t.Error("the gateway does not end")
			_ = cmd.Process.Kill()
			<-ended
		}
		if code := cmd.ProcessState.ExitCode(); code != 0 || t.Failed() {
			t.Errorf("the gateway ended with %d; its log:\n%.4000s", code, log.String())
		}
	})
	select {
	case address = <-found:
	case <-ended:
		t.Fatal("the gateway did not start")
	case <-time.After(patience):
		t.Fatal("the gateway does not listen")
	}
	return address
}

// follow reads the log, and finds the address in it.
func follow(log io.Reader, found chan<- string) {
	lines := bufio.NewScanner(log)
	for lines.Scan() {
		var l struct{ Msg, Name, Address string }
		if json.Unmarshal(lines.Bytes(), &l) == nil && l.Msg == "listening" && l.Name == "public" {
			found <- l.Address
		}
	}
	_, _ = io.Copy(io.Discard, log)
}
