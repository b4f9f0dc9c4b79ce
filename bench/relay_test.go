package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// serveBare runs a relay until the test ends and returns its address.
func serveBare(t *testing.T, join bool) (address string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	r, err := newRelay(ln.(*net.TCPListener), join)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- r.run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return ln.Addr().String()
}

// enter opens a connection and says hello.
func enter(t *testing.T, address string, groups ...int) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(60 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write(appendHello(nil, groups)); err != nil {
		t.Fatal(err)
	}
	wantNext(t, c, string(rune(helloAck)))
	return c
}

// wantNext reads as many bytes as want has.
func wantNext(t *testing.T, c net.Conn, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if n, err := io.ReadFull(c, got); err != nil || string(got) != want {
		at := 0
		for at < n && got[at] == want[at] {
			at++
		}
		t.Fatalf("%d bytes of %d, the first wrong one at %d, %v", n, len(want), at, err)
	}
}

// wantEnd demands that the server closed the connection.
func wantEnd(t *testing.T, c net.Conn) {
	t.Helper()
	if b, err := io.ReadAll(c); len(b) > 0 || isTimeout(err) {
		t.Errorf("%d bytes and %v, want the end", len(b), err)
	}
}

func isTimeout(err error) bool {
	n, ok := err.(net.Error)
	return ok && n.Timeout()
}

// both runs a test in both ways of writing.
func both(t *testing.T, f func(t *testing.T, join bool)) {
	for _, join := range []bool{false, true} {
		t.Run(fmt.Sprintf("join=%t", join), func(t *testing.T) { t.Parallel(); f(t, join) })
	}
}

// Members get the messages of their groups, all and in order, and nobody else's.
func TestRelay(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, join bool) {
		address := serveBare(t, join)
		one, two, all := enter(t, address, 1), enter(t, address, 2), enter(t, address, 1, 2, 3)
		speaker := enter(t, address)
		var parcels []byte
		var ones, twos, every strings.Builder
		for n := range 3000 {
			group, text := 1+n%2, fmt.Sprintf("<%d>", n)
			parcels = appendParcel(parcels, group, []byte(text))
			every.WriteString(text)
			if group == 1 {
				ones.WriteString(text)
			} else {
				twos.WriteString(text)
			}
		}
		// Nobody is in group 4, and the hello of a member comes after some messages.
		parcels = appendParcel(parcels, 4, []byte("nobody"))
		if _, err := speaker.Write(parcels); err != nil {
			t.Fatal(err)
		}
		wantNext(t, one, ones.String())
		wantNext(t, two, twos.String())
		wantNext(t, all, every.String())
		late := enter(t, address, 3)
		if _, err := speaker.Write(appendParcel(nil, 3, []byte("late"))); err != nil {
			t.Fatal(err)
		}
		wantNext(t, late, "late")
		wantNext(t, all, "late")
	})
}

// However a publisher's bytes are cut, whole messages come out.
func TestRelayInPieces(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, join bool) {
		address := serveBare(t, join)
		member, speaker := enter(t, address, 7), enter(t, address)
		var parcels, want []byte
		for n := range 40 {
			text := bytes.Repeat([]byte{byte('a' + n%26)}, 1+n*3)
			parcels, want = appendParcel(parcels, 7, text), append(want, text...)
		}
		for i, b := range parcels {
			if i%5 < 2 || i > len(parcels)-20 { // single bytes, and longer pieces between
				if _, err := speaker.Write([]byte{b}); err != nil {
					t.Fatal(err)
				}
				continue
			}
			if i%5 == 2 {
				end := min(i+3, len(parcels)-19)
				if _, err := speaker.Write(parcels[i:end]); err != nil {
					t.Fatal(err)
				}
			}
		}
		wantNext(t, member, string(want))
	})
}

// Who does not read holds up nobody, and then gets everything in order.
func TestRelaySlowReader(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, join bool) {
		address := serveBare(t, join)
		slow, quick, speaker := enter(t, address, 1), enter(t, address, 1), enter(t, address)
		// More than both sockets hold, so that the rest waits in the relay.
		var want bytes.Buffer
		for n := range 600 {
			message := bytes.Repeat(fmt.Appendf(nil, "<%06d>", n), 4096)
			want.Write(message)
			if _, err := speaker.Write(appendParcel(nil, 1, message)); err != nil {
				t.Fatal(err)
			}
			wantNext(t, quick, string(message))
		}
		wantNext(t, slow, want.String())
		// And what comes later comes after it.
		if _, err := speaker.Write(appendParcel(nil, 1, []byte("the end"))); err != nil {
			t.Fatal(err)
		}
		wantNext(t, slow, "the end")
	})
}

// Whoever leaves more unread than the bound is closed, and the others go on.
func TestRelayLeftoverBound(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, join bool) {
		address := serveBare(t, join)
		stuck, quick, speaker := enter(t, address, 1), enter(t, address, 1), enter(t, address)
		message := bytes.Repeat([]byte("x"), 1<<20)
		for range maxLeftover>>20 + 32 {
			if _, err := speaker.Write(appendParcel(nil, 1, message)); err != nil {
				t.Fatal(err)
			}
			wantNext(t, quick, string(message))
		}
		n, err := io.Copy(io.Discard, stuck)
		if isTimeout(err) || n >= maxLeftover {
			t.Errorf("%d bytes and %v: want the connection closed without its leftover", n, err)
		}
	})
}

// Members that leave are forgotten, and what is no parcel is refused.
func TestRelayLeaving(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, join bool) {
		address := serveBare(t, join)
		stays, speaker := enter(t, address, 1), enter(t, address)
		for n := range 50 {
			leaves := enter(t, address, 1, 2)
			if _, err := speaker.Write(appendParcel(nil, 1, []byte("x"))); err != nil {
				t.Fatal(err)
			}
			if n%2 == 0 {
				wantNext(t, leaves, "x")
			}
			if err := leaves.Close(); err != nil {
				t.Fatal(err)
			}
			wantNext(t, stays, "x")
		}
		if _, err := speaker.Write([]byte{0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1}); err != nil {
			t.Fatal(err)
		}
		wantEnd(t, speaker)
		again := enter(t, address)
		if _, err := again.Write(appendParcel(nil, 1, []byte("y"))); err != nil {
			t.Fatal(err)
		}
		wantNext(t, stays, "y")
	})
}

// What a client said before it hung up counts, and then it is closed too.
func TestRelayHangUp(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, join bool) {
		address := serveBare(t, join)
		member := enter(t, address, 1)
		for range 100 {
			c := enter(t, address)
			if _, err := c.Write(appendParcel(nil, 1, []byte("bye"))); err != nil {
				t.Fatal(err)
			}
			if err := c.(*net.TCPConn).CloseWrite(); err != nil {
				t.Fatal(err)
			}
			wantNext(t, member, "bye")
			wantEnd(t, c)
		}
	})
}

// Who is dropped is in no group any more.
func TestRelayDrop(t *testing.T) {
	one, _ := socketPair(t)
	two, _ := socketPair(t)
	r := &Relay{peers: make([]*peer, max(one.fd, two.fd)+1), members: map[uint32][]*peer{}}
	p, q := &peer{Socket: one.Socket}, &peer{Socket: two.Socket}
	one.fd, two.fd = -1, -1 // the peers have them
	defer q.close()
	for _, p := range []*peer{p, q} {
		r.peers[p.fd] = p
	}
	if err := r.greet(p, []uint32{1, 2}); err != nil {
		t.Fatal(err)
	}
	if err := r.greet(q, []uint32{2}); err != nil {
		t.Fatal(err)
	}
	fd := p.fd
	r.drop(p)
	r.drop(p)
	if len(r.members) != 1 || len(r.members[2]) != 1 || r.members[2][0] != q || r.peers[fd] != nil {
		t.Errorf("members %v, peers %v: want one of group 2", r.members, r.peers)
	}
}
