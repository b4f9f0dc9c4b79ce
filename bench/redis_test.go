package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"
)

// The tests of this file are not parallel: others of the package have schedules, which
// ten servers that start disturb.

// deployed is a Redis of a kind that ends with the test.
func deployed(t *testing.T, kind string, args ...string) *Deployment {
	t.Helper()
	d, err := deploy(t.Context(), kind, args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// asked is an answer of which it is sure that there is one.
func asked(t *testing.T, d *Deployment, args ...string) any {
	t.Helper()
	answer, err := d.Ask(args...)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

func TestRedisFile(t *testing.T) {
	d := deployed(t, standalone, journaled...)
	for i := range 100 {
		if id := asked(t, d, "XADD", "s", strconv.Itoa(i+1)+"-0", "data", strings.Repeat("x", 100)); id != fmt.Sprintf("%d-0", i+1) {
			t.Fatalf("XADD answered %v", id)
		}
	}
	r := d.servers[0]
	again := func(cut int64) int64 {
		t.Helper()
		if err := errors.Join(r.Kill(), r.Kill()); err != nil {
			t.Fatal(err)
		}
		if err := r.Truncate(cut); err != nil {
			t.Fatal(err)
		}
		if err := r.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		return asked(t, d, "XLEN", "s").(int64)
	}
	if n := again(0); n != 100 {
		t.Errorf("%d entries after kill -9, want 100", n)
	}
	if n := again(1000); n >= 100 || n < 80 {
		t.Errorf("%d entries after 1000 bytes of the file were cut, want some fewer than 100", n)
	}
}

func TestRedisAnswers(t *testing.T) {
	d := deployed(t, standalone)
	if got := asked(t, d, "GET", "nothing"); got != nil {
		t.Errorf("a key that is not there: %v", got)
	}
	asked(t, d, "XADD", "s", "7-0", "a", "b")
	if got := fmt.Sprint(asked(t, d, "XRANGE", "s", "-", "+")); got != "[[7-0 [a b]]]" {
		t.Errorf("XRANGE: %v", got)
	}
	var said redisError
	if _, err := d.Ask("GET", "s"); !errors.As(err, &said) || !strings.HasPrefix(string(said), "WRONGTYPE") {
		t.Errorf("GET of a stream: %v", err)
	}
	if err := d.cut([]string{"normal", "pubsub"}); err != nil {
		t.Error(err)
	}
	for _, line := range []string{"\r\n", ":x\r\n", "?1\r\n", "$5\r\nab"} {
		client, server := net.Pipe()
		go func() { _, _ = server.Write([]byte(line)); _ = server.Close() }()
		if v, err := readRESP(bufio.NewReader(client)); err == nil {
			t.Errorf("%q is %v", line, v)
		}
		_ = client.Close()
	}
}

// A failover that is asked for, and the death of the new master.
func TestRedisSentinel(t *testing.T) {
	d := deployed(t, sentinel)
	tr := &Trial{redis: d}
	asked(t, d, "SET", "k", "v")
	if _, err := d.sentinels[1].Ask("SENTINEL", "FAILOVER", monitored); err != nil {
		t.Fatal(err)
	}
	if err := tr.promoted(t.Context(), d.servers[0]); err != nil {
		t.Fatal(err)
	}
	if err := until(t.Context(), redisPatience, "one is the master and has the key", func() error {
		answer, err := d.Ask("GET", "k")
		if err == nil && answer != "v" {
			err = fmt.Errorf("GET answered %v", answer)
		}
		return err
	}); err != nil {
		t.Error(err)
	}
}

func TestRedisCluster(t *testing.T) {
	d := deployed(t, cluster)
	var keys []string
	for i := range 9 {
		keys = append(keys, "tg:chat:bench-"+strconv.Itoa(i))
		asked(t, d, "XADD", keys[i], "1-0", "data", keys[i])
	}
	for range 4 {
		for _, k := range keys {
			slot, err := d.slot(k)
			if err != nil {
				t.Fatal(err)
			}
			before, err := d.owner(slot)
			if err != nil {
				t.Fatal(err)
			}
			if err := d.Move(k); err != nil {
				t.Fatal(err)
			}
			if after, err := d.owner(slot); err != nil || after == before {
				t.Errorf("slot %s is still at %d (%v)", slot, after, err)
			}
		}
	}
	for _, k := range keys {
		if got := fmt.Sprint(asked(t, d, "XRANGE", k, "-", "+")); got != "[[1-0 [data "+k+"]]]" {
			t.Errorf("%s after it moved: %s", k, got)
		}
	}
	if _, err := d.owner("20000"); err == nil {
		t.Error("a slot that does not exist has an owner")
	}
}

// What waits ends with its context, and says what it waited for.
func TestUntilEnds(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := until(ctx, redisPatience, "pigs fly", func() error { return errors.New("not yet") })
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "pigs fly") {
		t.Error(err)
	}
}
