package main

import (
	"bytes"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// socketPair returns a Conn, as the loops have it, and the other end of its TCP
// connection. Both are closed when the test ends.
func socketPair(t *testing.T) (*Conn, net.Conn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	near, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer near.Close()
	far, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	c := newConn(Layout{Connections: 1, Groups: 1}, 0)
	if err := c.adopt(near); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = far.Close()
		if c.fd >= 0 {
			closeSocket(c.fd)
		}
	})
	if err := far.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return c, far
}

// poll waits until a condition holds, or fails.
func poll(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited 30 s: %s", what)
		}
	}
}

// The adopted socket lives on when the connection that it came from is closed.
func TestConnAdopt(t *testing.T) {
	c, far := socketPair(t)
	if taken, err := c.write([]byte("hello")); !taken || err != nil {
		t.Fatalf("%v, %v", taken, err)
	}
	got := make([]byte, 5)
	if _, err := io.ReadFull(far, got); err != nil || string(got) != "hello" {
		t.Fatalf("%q, %v", got, err)
	}
	if _, err := readSocket(c.fd, got); !again(err) {
		t.Errorf("%v: an empty socket must not wait", err)
	}
	pipe, other := net.Pipe()
	defer pipe.Close()
	defer other.Close()
	if err := c.adopt(pipe); err == nil {
		t.Error("something without a socket was adopted")
	}
}

// What the socket does not take is kept up to a bound, and follows in order.
func TestConnWriteWhileNobodyReads(t *testing.T) {
	c, far := socketPair(t)
	var sent bytes.Buffer
	frame := make([]byte, 10_000)
	full := false
	for n := 0; n < 10_000 && !full; n++ {
		for i := range frame {
			frame[i] = byte(n)
		}
		taken, err := c.write(frame)
		if err != nil {
			t.Fatal(err)
		}
		if taken {
			sent.Write(frame)
		}
		full = !taken
	}
	if !full {
		t.Fatal("100 MB were taken with nobody reading")
	}
	if len(c.out) == 0 || len(c.out) > maxPending {
		t.Errorf("%d bytes pending, want 1 to %d", len(c.out), maxPending)
	}
	got := make(chan []byte)
	go func() {
		b := make([]byte, sent.Len())
		n, _ := io.ReadFull(far, b)
		got <- b[:n]
	}()
	poll(t, "the pending bytes go out", func() bool {
		if err := c.flush(); err != nil {
			t.Fatal(err)
		}
		return len(c.out) == 0
	})
	if c.out != nil {
		t.Error("the buffer of what was pending stays for ever")
	}
	if b := <-got; !bytes.Equal(b, sent.Bytes()) {
		t.Errorf("%d bytes arrived, %d were taken, or not the same", len(b), sent.Len())
	}
}

func TestConnErrors(t *testing.T) {
	c, far := socketPair(t)
	if err := far.Close(); err != nil {
		t.Fatal(err)
	}
	var err error
	poll(t, "writing to a closed connection fails", func() bool {
		_, err = c.write([]byte("x"))
		return err != nil
	})
	if again(err) {
		t.Errorf("%v is no reason to try again", err)
	}
	if err := c.flush(); len(c.out) > 0 && err == nil {
		t.Error("flushing to a closed connection succeeds")
	}
}

// A connection that ends says so, once.
func TestConnLeave(t *testing.T) {
	c, far := socketPair(t)
	c.leave()
	c.leave()
	f, err := readFrame(far)
	if err != nil || f.Header.OpCode != ws.OpClose {
		t.Fatalf("%+v, %v: want a close frame", f.Header, err)
	}
	if code, _ := ws.ParseCloseFrameData(ws.UnmaskFrame(f).Payload); code != ws.StatusNormalClosure {
		t.Errorf("closed with %d, want 1000", code)
	}
	if n, err := far.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("%d, %v: want the end", n, err)
	}
}

// In the middle of a frame a close frame would be garbage.
func TestConnLeaveInTheMiddle(t *testing.T) {
	c, far := socketPair(t)
	c.out = []byte("the rest of a frame")
	c.leave()
	if b, err := io.ReadAll(far); len(b) != 0 || err != nil {
		t.Errorf("%q, %v: want nothing", b, err)
	}
}
