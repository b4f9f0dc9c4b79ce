package brokertest

import (
	"context"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Redis is a real redis-server on a free port, for one test.
type Redis struct {
	t       testing.TB
	program string
	args    []string // of redis-server
	cli     []string // of redis-cli
	dir     string
	port    string
	process *exec.Cmd
}

// patience is how long anything may take before a test gives up on it.
const patience = 20 * time.Second

// StartRedis starts a redis-server with further options of its command line, such
// as "--appendonly", "yes". It ends with the test. The program is that of
// $TIDEGATE_REDIS_SERVER, or the one in PATH.
func StartRedis(t testing.TB, args ...string) *Redis {
	t.Helper()
	r := newRedis(t)
	r.args = append([]string{"--port", r.port, "--save", ""}, args...)
	r.begin()
	return r
}

// newRedis is a server with a folder and a port of its own that has not begun yet.
func newRedis(t testing.TB) *Redis {
	t.Helper()
	program := os.Getenv("TIDEGATE_REDIS_SERVER")
	if program == "" {
		program = "redis-server"
	}
	path, err := exec.LookPath(program)
	if err != nil {
		t.Fatalf("these tests need a real redis-server, and there is none: run make redis, which installs it on Debian, or name one in TIDEGATE_REDIS_SERVER (%v)", err)
	}
	return &Redis{t: t, program: path, dir: t.TempDir(), port: freePort(t)}
}

// begin starts the server for the rest of the test.
func (r *Redis) begin() {
	r.t.Helper()
	r.Restart()
	r.t.Cleanup(r.Kill)
}

// freePort is a port that nobody listens on. It is not one of those that the kernel gives to
// connections, which might be given away before the server has it.
func freePort(t testing.TB) string {
	t.Helper()
	const first, many = 12000, 20000
	for range 100 {
		port := strconv.Itoa(first + rand.IntN(many))
		l, err := net.Listen("tcp", "127.0.0.1:"+port)
		if err == nil {
			_ = l.Close()
			return port
		}
	}
	t.Fatal("no port is free")
	return ""
}

// Addr is the server's address.
func (r *Redis) Addr() string { return "127.0.0.1:" + r.port }

// URL is the server's address as a broker takes it.
func (r *Redis) URL() string { return "redis://" + r.Addr() + "/0" }

// Kill ends the server at once, as kill -9 does. Killing it twice is no error.
func (r *Redis) Kill() {
	if r.process == nil {
		return
	}
	_ = r.process.Process.Signal(syscall.SIGKILL)
	_ = r.process.Wait()
	r.process = nil
}

// Stop has the server stand still, as if the network or its machine did, until
// Continue.
func (r *Redis) Stop() { _ = r.process.Process.Signal(syscall.SIGSTOP) }

// Continue ends what Stop began.
func (r *Redis) Continue() { _ = r.process.Process.Signal(syscall.SIGCONT) }

// Restart starts the server that was killed, on its port and its files, and waits
// until it answers.
func (r *Redis) Restart() {
	r.t.Helper()
	r.process = exec.Command(r.program, slices.Concat(r.args, []string{"--bind", "127.0.0.1", "--dir", r.dir, "--logfile", filepath.Join(r.dir, "log")})...)
	if err := r.process.Start(); err != nil {
		r.t.Fatalf("redis-server: %v", err)
	}
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		if strings.Contains(r.command("PING"), "PONG") {
			return
		}
		if time.Now().After(deadline) {
			log, _ := os.ReadFile(filepath.Join(r.dir, "log"))
			r.t.Fatalf("redis-server does not answer; its log:\n%s", log)
		}
	}
}

// CLI runs one command with redis-cli and returns what it printed.
func (r *Redis) CLI(args ...string) string {
	r.t.Helper()
	out := r.command(args...)
	if strings.HasPrefix(out, "ERR") || strings.HasPrefix(out, "Could not connect") {
		r.t.Fatalf("redis-cli %v: %s", args, out)
	}
	return out
}

// command is redis-cli, from the folder of redis-server or from PATH.
func (r *Redis) command(args ...string) string {
	cli := filepath.Join(filepath.Dir(r.program), "redis-cli")
	if _, err := os.Stat(cli); err != nil {
		cli = "redis-cli"
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	out, _ := exec.CommandContext(ctx, cli, slices.Concat([]string{"-p", r.port}, r.cli, args)...).CombinedOutput()
	return string(out)
}
