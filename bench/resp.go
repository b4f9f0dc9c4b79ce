package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// respPatience bounds one question to a Redis.
const respPatience = 5 * time.Second

// redisError is what a Redis answered instead of a value.
type redisError string

// Error is the answer as Redis wrote it.
func (e redisError) Error() string { return "redis said: " + string(e) }

// askRedis puts one command to the server at addr, on a connection of its own, and
// waits for the answer: string, int64, []any or nil. A cluster's MOVED is followed.
// What the harness asks of a Redis is so little that a client library would be more.
func askRedis(addr string, args ...string) (any, error) {
	for range 3 {
		answer, err := askOnce(addr, args)
		var said redisError
		if !errors.As(err, &said) || !strings.HasPrefix(string(said), "MOVED ") {
			return answer, err
		}
		addr = said.target()
	}
	return nil, fmt.Errorf("redis at %s: moved again and again", addr)
}

// target is where a MOVED points: "MOVED slot host:port".
func (e redisError) target() string { return string(e[strings.LastIndexByte(string(e), ' ')+1:]) }

// askOnce is one command, one answer.
func askOnce(addr string, args []string) (any, error) {
	conn, err := net.DialTimeout("tcp", addr, respPatience)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(respPatience)); err != nil {
		return nil, err
	}
	request := fmt.Appendf(nil, "*%d\r\n", len(args))
	for _, a := range args {
		request = fmt.Appendf(request, "$%d\r\n%s\r\n", len(a), a)
	}
	if _, err := conn.Write(request); err != nil {
		return nil, err
	}
	return readRESP(bufio.NewReader(conn))
}

// readRESP reads one value of the protocol that Redis speaks (RESP2).
func readRESP(r *bufio.Reader) (any, error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return nil, err
	}
	line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
	if line == "" {
		return nil, errors.New("redis: an empty line where an answer is due")
	}
	kind, rest := line[0], line[1:]
	switch kind {
	case '+':
		return rest, nil
	case '-':
		return nil, redisError(rest)
	}
	n, err := strconv.ParseInt(rest, 10, 64)
	switch {
	case err != nil:
		return nil, fmt.Errorf("redis: %q is no answer: %w", line, err)
	case kind == ':':
		return n, nil
	case n < 0:
		return nil, nil
	case kind == '$':
		b := make([]byte, n+2)
		_, err := io.ReadFull(r, b)
		return string(b[:n]), err
	case kind == '*':
		return readRESPs(r, n)
	}
	return nil, fmt.Errorf("redis: %q is no answer", line)
}

// readRESPs reads the values of an array. An error in it is its place's value.
func readRESPs(r *bufio.Reader, n int64) ([]any, error) {
	values := make([]any, 0, n)
	for range n {
		v, err := readRESP(r)
		var said redisError
		switch {
		case errors.As(err, &said):
			v = said
		case err != nil:
			return nil, err
		}
		values = append(values, v)
	}
	return values, nil
}
