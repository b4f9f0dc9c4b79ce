package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
)

// Matrix is idle connections in several sizes: what bench idle writes as JSON when
// it starts the gateways.
type Matrix struct {
	Machine string    `json:"machine"`
	Cells   []Idle    `json:"cells"`
	Heap    []Holding `json:"heap,omitempty"` // of the last number of connections, with a group each
}

// heapLines is how many lines of the heap are printed; the JSON has all.
const heapLines = 25

// idleMatrix measures every cell on a gateway of its own, then the heap.
func idleMatrix(ctx context.Context, o idleOptions, stdout io.Writer, show *Progress) error {
	m := Matrix{Machine: machine()}
	for _, connections := range o.connections {
		for _, groups := range o.groups {
			show.Line("%s connections with %s each", grouped(connections), plural(groups, "group"))
			i, err := o.onFreshNode(ctx, o.cell(connections, groups), show)
			if err != nil {
				return failure{fmt.Errorf("%d connections with %d groups: %w", connections, groups, err)}
			}
			m.Cells = append(m.Cells, i)
		}
	}
	if o.heap {
		var err error
		if m.Heap, err = o.measureHeap(ctx, show); err != nil {
			return failure{fmt.Errorf("measuring the heap: %w", err)}
		}
	}
	if err := errors.Join(m.writeTable(stdout, o), writeFile(o.output.json, func(w io.Writer) error {
		return json.NewEncoder(w).Encode(m)
	})); err != nil {
		return failure{err}
	}
	return m.judge(stdout, o.bound)
}

// onFreshNode measures one cell on a gateway that serves nothing else.
func (o idleOptions) onFreshNode(ctx context.Context, p Plan, show *Progress) (i Idle, err error) {
	n, err := o.host.Start(ctx, nil, roomFor(p.Connections)...)
	if err != nil {
		return i, err
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	return measureIdle(ctx, n.at(p), show)
}

// measureHeap opens the last number of connections, with a group each, on a gateway
// that accounts for every object, and takes the difference of its heap.
func (o idleOptions) measureHeap(ctx context.Context, show *Progress) (parts []Holding, err error) {
	p := o.cell(o.connections[len(o.connections)-1], 1)
	n, err := o.host.Start(ctx, []string{exactHeap}, roomFor(p.Connections)...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	op := newOperator(n.Operator)
	op.Client.Timeout = nodePatience // a collection and a stack for every object take their time
	defer op.Close()
	before, err := op.Heap(ctx)
	if err != nil {
		return nil, err
	}
	p = n.at(p)
	p.Run = runName()
	fleet, err := openFleet(ctx, p, func(n int) { show.Tick("connecting: %d of %d, every object counted", n, p.Connections) })
	if err != nil {
		return nil, err
	}
	defer fleet.close()
	after, err := op.Heap(ctx)
	if err != nil {
		return nil, err
	}
	return after.Since(before, p.Connections), nil
}

// writeTable writes a line a cell, and the heap.
func (m Matrix) writeTable(w io.Writer, o idleOptions) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "connections\tgroups each\tKiB a connection\tRSS\tbefore\tcores idle\thandshakes and joins/s\t\n")
	for _, i := range m.Cells {
		fmt.Fprintf(t, "%s\t%d\t%.2f\t%s\t%s\t%.3f\t%s\t\n", grouped(i.Connections), i.Groups, i.PerConnection/1024,
			mib(i.RSS), mib(i.BaseRSS), i.Cores, grouped(i.PerSecond))
	}
	if err := t.Flush(); err != nil || m.Heap == nil {
		return err
	}
	sum := 0.0
	for _, p := range m.Heap {
		sum += p.Bytes
	}
	fmt.Fprintf(w, "\n%8.0f  bytes of heap a connection at %s connections with a group each, of which\n",
		sum, grouped(o.connections[len(o.connections)-1]))
	for _, p := range m.Heap[:min(len(m.Heap), heapLines)] {
		fmt.Fprintf(w, "%8.0f  %s\n", p.Bytes, p.Site)
	}
	return nil
}

// judge fails if a connection with one group costs more than the bound, in KiB.
func (m Matrix) judge(w io.Writer, bound float64) error {
	failed := false
	for _, i := range m.Cells {
		if bound > 0 && i.Groups == 1 && i.PerConnection > bound*1024 {
			fmt.Fprintf(w, "FAILED: %.2f KiB a connection at %s connections with one group, above --max-kib %g\n",
				i.PerConnection/1024, grouped(i.Connections), bound)
			failed = true
		}
	}
	if failed {
		return errFailed
	}
	return nil
}
