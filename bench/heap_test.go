package main

import (
	"reflect"
	"strings"
	"testing"
)

// A profile as the runtime writes it, with the stack of one object and a line that
// has no stack.
const heapText = `heap profile: 3: 4144 [5: 5000] @ heap/2
2: 4000 [3: 4500] @ 0x4a1 0x4b2
#	0x4a0	example.org/x/hub.(*Hub[...]).Join+0x11	/src/hub/hub.go:45
#	0x4b1	example.org/x/server.(*Server).serve+0x23	/src/server/serve.go:9

1: 144 [1: 144] @ 0x4a1
#	0x4a0	net.dial+0x1	/go/net/dial.go:7

0: 0 [1: 96] @ 0x4c1
#	0x4c0	net.gone+0x1	/go/net/dial.go:8


# runtime.MemStats
# Alloc = 4144
`

func TestReadHeap(t *testing.T) {
	h, err := readHeap(strings.NewReader(heapText))
	want := Heap{"hub.(*Hub[...]).Join hub.go:45": 4000, "net.dial dial.go:7": 144}
	if err != nil || !reflect.DeepEqual(h, want) {
		t.Errorf("%v, %v; want %v", h, err, want)
	}
	if _, err := readHeap(strings.NewReader("heap profile: 3: 4144 [5: 5000] @ heap/1048576\n")); err == nil || !strings.Contains(err.Error(), exactHeap) {
		t.Errorf("%v: a sampled profile is no account of bytes", err)
	}
}

func TestHeapSince(t *testing.T) {
	before := Heap{"a": 1000, "gone": 500, "same": 70}
	after := Heap{"a": 3000, "b": 5000, "c": 5000, "same": 70, "noise": 99}
	want := []Holding{{"b", 50}, {"c", 50}, {"a", 20}}
	if got := after.Since(before, 100); !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
