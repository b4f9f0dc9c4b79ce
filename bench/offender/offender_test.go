package offender

import (
	"bytes"
	"compress/flate"
	"context"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

func TestFind(t *testing.T) {
	all, err := Find(nil)
	if err != nil || len(all) != len(Attacks) {
		t.Errorf("%d, %v", len(all), err)
	}
	some, err := Find([]string{"vanish", "silent"})
	if err != nil || len(some) != 2 || some[0].Name != "vanish" || some[1].Name != "silent" {
		t.Errorf("%v, %v", some, err)
	}
	if _, err := Find([]string{"walk"}); err == nil || !strings.Contains(err.Error(), "silent, slow-headers") {
		t.Errorf("%v", err)
	}
}

// What must come must come, what may come may, and nothing else does.
func TestFaults(t *testing.T) {
	a := Attack{Wants: []string{"close 1008|close 1013", held}, May: []string{"http 503"}}
	f := func(wanted bool, faults int, got ...string) {
		t.Helper()
		m := map[string]uint64{}
		for _, g := range got {
			m[g]++
		}
		if a.Wanted(m, 1) != wanted || len(a.Faults(m)) != faults {
			t.Errorf("%q: %v, %q", got, a.Wanted(m, 1), a.Faults(m))
		}
		if a.Wanted(m, 2) {
			t.Errorf("%q: no outcome has come twice", got)
		}
	}
	f(false, 2)
	f(true, 1, "close 1008")
	f(true, 0, "close 1013", held)
	f(true, 0, "close 1013", held, "http 503")
	f(true, 1, "close 1013", held, "http 200")
	f(false, 1, held)
}

// Every attack is one that can be told apart, and has what its judge needs.
func TestAttacks(t *testing.T) {
	names := map[string]bool{}
	for _, a := range Attacks {
		if names[a.Name] || a.About == "" || len(a.Wants) == 0 || a.Grows == 0 || a.offenders == 0 || a.perSecond == 0 || a.visit == nil {
			t.Errorf("%+v", a)
		}
		names[a.Name] = true
	}
}

// A frame of ours is one that gobwas/ws reads, whatever its length.
func TestAppendFrame(t *testing.T) {
	for _, n := range []int{0, 1, 125, 126, 65535, 65536} {
		payload := bytes.Repeat([]byte("x"), n)
		r := bytes.NewReader(appendFrame(nil, fin|byte(ws.OpText), payload))
		h, err := ws.ReadHeader(r)
		rest, _ := io.ReadAll(r)
		ws.Cipher(rest, h.Mask, 0)
		if err != nil || !h.Masked || !h.Fin || h.OpCode != ws.OpText || h.Length != int64(n) || !bytes.Equal(rest, payload) {
			t.Errorf("%d bytes: %+v, %v", n, h, err)
		}
	}
	if h, err := ws.ReadHeader(bytes.NewReader(appendHead(nil, fin|byte(ws.OpText), 1<<62))); err != nil || h.Length != 1<<62 {
		t.Errorf("%+v, %v", h, err)
	}
}

// A bomb is small, and what it inflates to is not.
func TestBomb(t *testing.T) {
	r := bytes.NewReader(bomb())
	h, err := ws.ReadHeader(r)
	if err != nil || h.Length > 32<<10 || h.Length != int64(r.Len()) || h.Rsv != 4 {
		t.Fatalf("%+v, %v", h, err)
	}
	n, err := io.Copy(io.Discard, flate.NewReader(io.MultiReader(r, strings.NewReader("\x00\x00\xff\xff\x01\x00\x00\xff\xff"))))
	if err != nil || n != bombSize {
		t.Errorf("it inflates to %d bytes, %v", n, err)
	}
}

// Each part of a burst gets numbers of its own, in all of its places, and no burst those of
// another.
func TestNumberer(t *testing.T) {
	unit := []byte("join g-00000000;leave g-00000000;")
	burst := repeat(unit, 2)
	number := numberer(unit, "g-")
	number(burst)
	number(burst)
	if want := "join g-00000003;leave g-00000003;join g-00000004;leave g-00000004;"; string(burst) != want {
		t.Errorf("%s, want %s", burst, want)
	}
}

// A pace holds its rate, makes up for little, and ends with its context.
func TestPace(t *testing.T) {
	var p pace
	p.init(1000)
	began := time.Now()
	for range 100 {
		if !p.turn(t.Context()) {
			t.Fatal("it ended")
		}
	}
	if took := time.Since(began); took < 99*time.Millisecond-maxBacklog {
		t.Errorf("100 turns at 1000 a second took %v", took)
	}
	p.next = time.Now().Add(-time.Hour)
	p.turn(t.Context())
	if behind := time.Since(p.next); behind > time.Minute {
		t.Errorf("it makes up for %v", behind)
	}
	p.next = time.Now().Add(time.Hour)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if p.turn(ctx) {
		t.Error("a turn after the end")
	}
}

// server says something to each connection, after it was told something if it waits, and
// closes it.
func server(t *testing.T, waits bool, say string, reset bool) Target {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if waits {
				_, _ = c.Read(make([]byte, 4096))
			}
			_, _ = io.WriteString(c, say)
			if reset {
				_ = c.(*net.TCPConn).SetLinger(0)
			}
			_ = c.Close()
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return Target{Public: l.Addr().String(), Operator: l.Addr().String()}
}

// What a server does has its word.
func TestOutcomes(t *testing.T) {
	const ok = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"
	f := func(want string, visit func(*Visit) string, say string, reset bool) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		c := Start(ctx, server(t, true, say, reset), Attack{offenders: 1, visit: func(v *Visit) string {
			got := visit(v)
			cancel()
			return got
		}}, 1)
		if got := c.Wait(); got.Got[want] != 1 || len(got.Got) != 1 || got.Connections != 1 {
			t.Errorf("%+v, want %s", got, want)
		}
	}
	f("http 503", huge, "HTTP/1.1 503 Busy\r\nContent-Length: 2\r\n\r\nno", false)
	f(ended, huge, "", false)
	f(wasReset, huge, "", true)
	f(`no HTTP: "SSH-2.0\r\n"`, huge, "SSH-2.0\r\n", false)
	f("close 1009", mute, ok+"\x81\x02{}\x89\x00\x88\x02\x03\xf1", false)
	f("close", mute, ok+"\x88\x00", false)
	f(ended, mute, ok+"\x81\x7e\x01\x00x", false)
	f("close 1008", mute, ok+"\x81\x7e\x01\x00"+strings.Repeat("x", 256)+"\x88\x05\x03\xf0why", false)
	f(vanished, func(v *Visit) string { v.turn = 2; return vanish(v) }, "", false)
	f(vanished, func(v *Visit) string { v.turn = 1; return vanish(v) }, ok, false)
	f("http 101", wrongToken, ok, false)
}

// Who is connected when the attack ends was held; who was not yet counts as nothing.
func TestHeld(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithCancel(t.Context())
	c := Start(ctx, Target{Public: l.Addr().String()}, Attack{offenders: 3, visit: silent}, 1)
	var peers []net.Conn
	for range 3 {
		peer, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer peer.Close()
		peers = append(peers, peer)
	}
	for c.Report().Connections < 3 {
		time.Sleep(time.Millisecond) // the offenders do not know yet
	}
	cancel()
	if got := c.Wait(); got.Got[held] != 3 {
		t.Errorf("%+v", got)
	}
	from := peers[0].RemoteAddr().(*net.TCPAddr).IP.String()
	if !slices.Contains([]string{"127.0.0.2", "127.0.0.3", "127.0.0.4"}, from) {
		t.Errorf("one came from %s", from)
	}
}
