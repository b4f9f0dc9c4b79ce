package main

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"
)

// exactHeap makes a Go program record every allocation instead of one in 512 KiB,
// so that small objects are in its heap profile, and with their true size. It costs
// time and memory; nothing else is measured on such a gateway.
const exactHeap = "GODEBUG=memprofilerate=1"

// Heap is the bytes that were in use after a collection, by the line that
// allocated them.
type Heap map[string]float64

// Holding is what one line of the gateway holds for each connection.
type Holding struct {
	Site  string  `json:"site"` // function and line
	Bytes float64 `json:"bytes_per_connection"`
}

// Heap has the gateway collect its garbage and tell what is left.
func (o *Operator) Heap(ctx context.Context) (Heap, error) {
	body, err := o.get(ctx, "/debug/pprof/heap?gc=1&debug=1")
	if err != nil {
		return nil, err
	}
	defer body.Close()
	return readHeap(body)
}

// readHeap reads a heap profile in its text form. A record is a line of counts and
// then its stack, the innermost frame first, without the runtime's own:
//
//	3: 144 [5: 240] @ 0x4a1 0x4b2
//	#	0x4a0	example.org/hub.(*Hub).Join+0x11	/src/hub/hub.go:45
//
// The text form and not pprof's own, because it can be read without a dependency;
// it does not extrapolate samples, so the profile must be exact, and it is refused
// if it is not.
func readHeap(r io.Reader) (Heap, error) {
	h := Heap{}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20) // a deep stack is a long line
	var bytes float64
	for lines.Scan() {
		line := lines.Text()
		if rate, ok := strings.CutPrefix(line, "heap profile: "); ok && !strings.HasSuffix(rate, "@ heap/2") {
			return nil, fmt.Errorf("the gateway's heap profile is sampled: start it with %s", exactHeap)
		}
		fields := strings.Fields(line)
		switch {
		case len(fields) > 4 && strings.HasSuffix(fields[0], ":") && strings.Contains(line, " @ "):
			bytes, _ = strconv.ParseFloat(fields[1], 64)
		case len(fields) == 4 && fields[0] == "#" && bytes > 0:
			function, _, _ := strings.Cut(fields[2], "+0x")
			h[path.Base(function)+" "+path.Base(fields[3])] += bytes
			bytes = 0 // the callers hold nothing of it
		}
	}
	return h, lines.Err()
}

// Since is what was added per connection, the most first. What is less than a byte
// each is noise of the process and left out.
func (h Heap) Since(before Heap, connections int) (parts []Holding) {
	for site, bytes := range h {
		if b := (bytes - before[site]) / float64(connections); b >= 1 {
			parts = append(parts, Holding{site, b})
		}
	}
	slices.SortFunc(parts, func(a, b Holding) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Site, b.Site))
	})
	return parts
}
