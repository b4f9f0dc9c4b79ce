package server

import "testing"

// TestWatchOnce: a client that joins again and again before its snapshot is there gets
// one; and another if that was dropped on its way.
func TestWatchOnce(t *testing.T) {
	n := start(t, 1, 100)
	c := n.dial("json.reliable.webpubsub.azure.v1", `,"presence":true`)
	n.expect(c, `"event":"snapshot"`)
	n.on(func(s *session) {
		for range 5 {
			n.attendance.watch(s, s.memberships[1].Group.Topic.group)
		}
	})
	n.expect(c, `"event":"snapshot"`)
	n.say(1)
	n.expect(c, `{"sequenceId":1,`)
	n.on(func(s *session) {
		m := &n.attendance.mails[0]
		for _, w := range n.attendance.audiences[0][s.memberships[1].Group.Topic.group] {
			w.asked = true
		}
		m.mu.Lock()
		m.lost = true
		m.mu.Unlock()
		m.deliver()
	})
	n.expect(c, `"event":"snapshot"`)
}
