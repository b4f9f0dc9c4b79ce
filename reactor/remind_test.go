package reactor

import (
	"testing"
	"time"
)

// TestRemind: a handler is told when its second has come, once and not before; what is
// forgotten does not come, and a connection that ends is not reminded.
func TestRemind(t *testing.T) {
	r := start(t, Config{Workers: 1, CloseTimeout: 200 * time.Millisecond})
	type due struct {
		c  *Conn
		at time.Time
	}
	told := make(chan due, 10)
	remind := func(second int64) func(*Conn) {
		return func(c *Conn) { c.Remind(uint32(second)) }
	}
	wanted := time.Now().Unix() + 2
	connectWith := func(open func(*Conn)) *Conn {
		p := newPeer(nil)
		p.open = open
		p.due = func(c *Conn) { told <- due{c, time.Now()} }
		connect(t, r, p)
		return within(t, "Open", p.conn)
	}
	now := connectWith(remind(1))
	if got := within(t, "Due", told); got.c != now {
		t.Errorf("another connection was reminded")
	}
	connectWith(func(c *Conn) { c.Remind(1); c.Remind(0) })
	connectWith(func(c *Conn) { c.Remind(1); c.Close(1000, "", "test") })
	later := connectWith(remind(wanted))
	got := within(t, "Due", told)
	if got.c != later || got.at.Unix() < wanted {
		t.Errorf("reminded at %s, want not before %d", got.at, wanted)
	}
	if len(told) > 0 {
		t.Errorf("%d reminders too many", len(told))
	}
}
