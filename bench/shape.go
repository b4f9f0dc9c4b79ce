package main

import (
	"fmt"
	"strings"
)

// Shape is who is in which group while the limit is measured. Pure.
type Shape struct {
	Name        string `json:"name"`
	Groups      int    `json:"groups"`
	Connections int    `json:"connections"`
	Everywhere  bool   `json:"everywhere"` // each connection is in every group, instead of in group id mod Groups
}

// The shapes that bench limit knows: one large group, many small ones, messages to
// single users, and users with many groups.
var shapes = []Shape{
	{Name: "1x1000", Groups: 1, Connections: 1000},
	{Name: "100x10", Groups: 100, Connections: 1000},
	{Name: "1000x1", Groups: 1000, Connections: 1000},
	{Name: "10in1000", Groups: 1000, Connections: 10, Everywhere: true},
}

// findShape is the shape of a name.
func findShape(name string) (Shape, error) {
	var names []string
	for _, s := range shapes {
		if s.Name == name {
			return s, nil
		}
		names = append(names, s.Name)
	}
	return Shape{}, fmt.Errorf("--shapes %s: want some of %s", name, strings.Join(names, ", "))
}

// Fanout is the number of members of each group: the deliveries of one publish.
func (s Shape) Fanout() int {
	if s.Everywhere {
		return s.Connections
	}
	return s.Connections / s.Groups
}

// Joined are the groups that a connection is a member of.
func (s Shape) Joined(id int) []int {
	if !s.Everywhere {
		return []int{id % s.Groups}
	}
	all := make([]int, s.Groups)
	for g := range all {
		all[g] = g
	}
	return all
}

// What of a closed loop may be under way, in bytes, so that no server is measured at
// its limits instead of at its work.
const (
	// Well below a gateway's limits.send_buffer_bytes (256 KiB) for each connection,
	maxWaiting = 160 << 10
	// half of its publish.queue_bytes,
	maxUnderWay = 32 << 20
	// and as much in all sockets as a small machine has to spare.
	maxOutstanding = 128 << 20
)

// Window is how many messages of so many bytes may be under way at a time, if so many
// deliveries are asked for; at least one.
func (s Shape) Window(outstanding, size int) int {
	bytes := size + envelopeBytes
	groups := 1 // that one connection hears
	if s.Everywhere {
		groups = s.Groups
	}
	window := outstanding / s.Fanout()
	// A connection hears groups of Groups, so as many of the messages are for it.
	window = min(window, maxWaiting/bytes*s.Groups/groups, maxUnderWay/bytes, maxOutstanding/bytes/s.Fanout())
	return max(window, 1)
}

// Depth is how many messages of a window wait for one connection.
func (s Shape) Depth(window int) float64 {
	if s.Everywhere {
		return float64(window)
	}
	return float64(window) / float64(s.Groups)
}
