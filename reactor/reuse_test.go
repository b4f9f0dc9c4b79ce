package reactor

import (
	"testing"

	"github.com/gobwas/ws"
	"golang.org/x/sys/unix"
)

// TestReusedDescriptor makes the case that drain tells of: epoll has reported the
// end of a socket together with the wake-up; in the turn of the wake-up that
// socket is closed, and a new connection gets its number and is adopted. The old
// event must not close the new connection.
func TestReusedDescriptor(t *testing.T) {
	r := start(t, Config{Workers: 1})
	w := r.Workers()[0]
	same := 0 // rounds in which the new socket had the old one's number
	for range 20 {
		old := newPeer(nil)
		oldClient := connect(t, r, old)
		conn := within(t, "Open", old.conn)
		number := descriptor(conn.nc)
		server, client := pair(t)
		next := newPeer(echo)
		below := occupy(t, number)

		release := hold(t, w)
		inTurn, adopted := make(chan struct{}), make(chan error)
		_ = w.Post(func(*Worker) { // its byte is the first event of the next turn,
			_ = conn.nc.Close()
			close(inTurn)
			<-adopted
		})
		oldClient.Close() // and this is the second
		release()
		within(t, "the turn", inTurn)
		err := r.Adopt(server, nil, next, false)
		adopted <- err
		vacate(below)
		if err != nil {
			t.Fatal(err)
		}
		fresh := within(t, "Open of the new connection", next.conn)
		if descriptor(fresh.nc) == number {
			same++
		}
		send(t, client, frame(ws.OpText, "mine?"))
		expect(t, client, answer(ws.OpText, "mine?"))
		if why := within(t, "Closed", old.closed); why != ClientGone {
			t.Errorf("the old connection was closed with %s", why)
		}
		client.Close()
	}
	if same == 0 {
		t.Error("no new socket had the old one's number: nothing was tried")
	}
}

// occupy takes every free descriptor below number, so that number is the lowest
// once it is closed.
func occupy(t *testing.T, number int) (taken []int) {
	t.Helper()
	for {
		fd, err := unix.FcntlInt(0, unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		taken = append(taken, fd)
		if fd > number {
			return taken
		}
	}
}

func vacate(taken []int) {
	for _, fd := range taken {
		_ = unix.Close(fd)
	}
}

// TestUrgent: TCP's urgent data, which epoll reports by an event of its own,
// neither ends a connection nor becomes part of what it says.
func TestUrgent(t *testing.T) {
	r := start(t, Config{Workers: 1})
	c := connect(t, r, newPeer(echo))
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	in := frame(ws.OpText, "in two halves")
	send(t, c, in[:9])
	_ = raw.Control(func(fd uintptr) { err = unix.Send(int(fd), []byte("!"), unix.MSG_OOB) })
	if err != nil {
		t.Fatal(err)
	}
	send(t, c, in[9:])
	expect(t, c, answer(ws.OpText, "in two halves"))
}
