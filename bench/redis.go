package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	// redisPatience bounds a server's start, and what a set of them needs to agree.
	redisPatience = 30 * time.Second
	// redisPoll is how often a server is asked whether it is so far.
	redisPoll = 20 * time.Millisecond
)

// RedisServer is one redis-server process that the harness started, on loopback, with
// a folder of its own. One goroutine at a time.
type RedisServer struct {
	program string
	dir     string
	port    int
	file    string   // of settings, with all that it needs; or empty
	args    []string // further options
	cmd     *exec.Cmd
	ended   chan error
}

// redisProgram finds the server's program.
func redisProgram() (string, error) {
	program := os.Getenv("TIDEGATE_REDIS_SERVER")
	if program == "" {
		program = "redis-server"
	}
	path, err := exec.LookPath(program)
	if err != nil {
		return "", fmt.Errorf("no redis-server: run make redis, which installs it on Debian, or name one in TIDEGATE_REDIS_SERVER (%w)", err)
	}
	return path, nil
}

// freePort is a port that nobody listens on now. It is not one of those that the kernel gives
// to connections, which might be given away before the server has it.
func freePort() (int, error) {
	const first, many = 12000, 20000
	var failed error
	for range 100 {
		port := first + rand.IntN(many)
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			return port, l.Close()
		}
		failed = err
	}
	return 0, fmt.Errorf("no port is free: %w", failed)
}

// newRedis makes a server with a folder below dir, without starting it. args are
// further options of its command line.
func newRedis(dir string, args ...string) (*RedisServer, error) {
	program, err := redisProgram()
	if err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	r := &RedisServer{program: program, port: port, dir: filepath.Join(dir, strconv.Itoa(port)), args: args}
	return r, os.MkdirAll(r.dir, 0o700)
}

// startRedis is newRedis with the server running.
func startRedis(ctx context.Context, dir string, args ...string) (*RedisServer, error) {
	r, err := newRedis(dir, args...)
	if err != nil {
		return nil, err
	}
	return r, r.Start(ctx)
}

// Addr is where it listens.
func (r *RedisServer) Addr() string { return fmt.Sprintf("127.0.0.1:%d", r.port) }

// Ask puts one command to it and waits for the answer.
func (r *RedisServer) Ask(args ...string) (any, error) {
	answer, err := askRedis(r.Addr(), args...)
	if err != nil {
		return nil, fmt.Errorf("%s at %s: %w", strings.Join(args, " "), r.Addr(), err)
	}
	return answer, nil
}

// Start starts the server on its port and its files, as they are, and waits until it
// answers.
func (r *RedisServer) Start(ctx context.Context) error {
	r.cmd = exec.Command(r.program, r.options()...)
	if err := r.cmd.Start(); err != nil {
		return fmt.Errorf("starting %s: %w", r.program, err)
	}
	cmd, ended := r.cmd, make(chan error, 1)
	r.ended = ended
	go func() { ended <- cmd.Wait() }()
	err := until(ctx, redisPatience, "redis-server at "+r.Addr()+" answers", func() error {
		_, err := askOnce(r.Addr(), []string{"PING"})
		return err
	})
	if err != nil {
		said, _ := os.ReadFile(r.log())
		return errors.Join(fmt.Errorf("%w; its log:\n%s", err, said), r.Kill())
	}
	return nil
}

// options is its command line.
func (r *RedisServer) options() []string {
	if r.file != "" {
		return append([]string{r.file}, r.args...)
	}
	return append([]string{"--port", strconv.Itoa(r.port), "--bind", "127.0.0.1", "--dir", r.dir, "--logfile", r.log(), "--save", ""}, r.args...)
}

// log is the file that it logs to.
func (r *RedisServer) log() string { return filepath.Join(r.dir, "log") }

// Kill ends it at once, as kill -9 does, and waits until it is gone. What has ended
// already is no error.
func (r *RedisServer) Kill() error {
	if r.cmd == nil {
		return nil
	}
	_ = r.cmd.Process.Signal(syscall.SIGKILL) // ended already: the channel has it
	select {
	case <-r.ended:
	case <-time.After(redisPatience):
		return fmt.Errorf("redis-server %d cannot be killed", r.cmd.Process.Pid)
	}
	r.cmd = nil
	return nil
}

// Stop has it stand still, as if its machine or the network did, until Continue.
func (r *RedisServer) Stop() error { return r.cmd.Process.Signal(syscall.SIGSTOP) }

// Continue ends what Stop began.
func (r *RedisServer) Continue() error { return r.cmd.Process.Signal(syscall.SIGCONT) }

// Truncate cuts the last bytes off the append-only file of a server that does not
// run, as a machine that lost its power would have.
func (r *RedisServer) Truncate(bytes int64) error {
	files, err := filepath.Glob(filepath.Join(r.dir, "appendonlydir", "*.incr.aof"))
	if err != nil || len(files) == 0 {
		return fmt.Errorf("no append-only file in %s (%v)", r.dir, err)
	}
	name := files[len(files)-1]
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	return os.Truncate(name, max(0, info.Size()-bytes))
}

// until asks again and again until there is no error, and returns the last one once
// patience or ctx is over. what says what is waited for.
func until(ctx context.Context, patience time.Duration, what string, ask func() error) error {
	for deadline := time.Now().Add(patience); ; pause(ctx, redisPoll) {
		err := ask()
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return fmt.Errorf("waiting until %s: %w", what, ctx.Err())
		case time.Now().After(deadline):
			return fmt.Errorf("waited %v until %s: %w", patience, what, err)
		}
	}
}
