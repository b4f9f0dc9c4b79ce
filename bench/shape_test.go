package main

import "testing"

// Each group has as many members as its fan-out says.
func TestShapes(t *testing.T) {
	f := func(name string, fanout int) {
		t.Helper()
		s, err := findShape(name)
		if err != nil || s.Fanout() != fanout {
			t.Fatalf("%+v, %v: fan-out %d, want %d", s, err, s.Fanout(), fanout)
		}
		members := make([]int, s.Groups)
		for id := range s.Connections {
			for _, g := range s.Joined(id) {
				members[g]++
			}
		}
		for g, n := range members {
			if n != fanout {
				t.Fatalf("%s: group %d has %d members, want %d", name, g, n, fanout)
			}
		}
	}
	f("1x1000", 1000)
	f("100x10", 10)
	f("1000x1", 1)
	f("10in1000", 10)
	if _, err := findShape("2x2"); err == nil {
		t.Error("a shape that is not there is found")
	}
}

// What is under way stays within what was asked for and what servers hold.
func TestWindow(t *testing.T) {
	f := func(name string, outstanding, size, window int, depth float64) {
		t.Helper()
		s, err := findShape(name)
		if err != nil {
			t.Fatal(err)
		}
		w := s.Window(outstanding, size)
		if w != window || s.Depth(w) != depth {
			t.Errorf("%s, %d, %d bytes: window %d, depth %g; want %d, %g", name, outstanding, size, w, s.Depth(w), window, depth)
		}
		bytes := size + envelopeBytes
		if waiting := s.Depth(w) * float64(bytes); w > 1 && waiting > maxWaiting || w*bytes > maxUnderWay || w*bytes*s.Fanout() > max(maxOutstanding, s.Fanout()*bytes) {
			t.Errorf("%s, %d, %d bytes: %d messages are too many bytes", name, outstanding, size, w)
		}
	}
	f("1x1000", 8000, 64, 8, 8)
	f("100x10", 8000, 64, 800, 8)
	f("1000x1", 8000, 64, 8000, 8)
	f("10in1000", 8000, 64, 800, 800)
	f("1x1000", 8000, 16384, 8, 8)
	f("1000x1", 8000, 16384, 2032, 2.032)
	f("10in1000", 8000, 16384, 9, 9)
	f("1x1000", 1, 64, 1, 1)
	f("1x1000", 1<<20, 1<<20, 1, 1)
}
