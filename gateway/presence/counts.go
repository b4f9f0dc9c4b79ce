package presence

import (
	"sync/atomic"

	"github.com/VictoriaMetrics/metrics"
)

// counts are the Keeper's metrics, each described in docs/operations.md.
type counts struct {
	marks, writeErrors, leaseErrors, leaseLost *metrics.Counter
	heard, overrun, loads, loadErrors          *metrics.Counter
	dead, snapshots                            *metrics.Counter
	lists, members, unsaid, rosters, nodes     atomic.Int64
}

func (c *counts) init(set *metrics.Set) {
	for name, counter := range map[string]**metrics.Counter{
		`tidegate_presence_marks_total`:                     &c.marks,
		`tidegate_presence_errors_total{operation="write"}`: &c.writeErrors,
		`tidegate_presence_errors_total{operation="lease"}`: &c.leaseErrors,
		`tidegate_presence_errors_total{operation="read"}`:  &c.loadErrors,
		`tidegate_presence_lease_lost_total`:                &c.leaseLost,
		`tidegate_presence_changes_total`:                   &c.heard,
		`tidegate_presence_overrun_total`:                   &c.overrun,
		`tidegate_presence_reads_total`:                     &c.loads,
		`tidegate_presence_dead_nodes_total`:                &c.dead,
		`tidegate_presence_snapshots_total`:                 &c.snapshots,
	} {
		*counter = set.NewCounter(name)
	}
	for name, value := range map[string]*atomic.Int64{
		"tidegate_presence_groups":  &c.lists,
		"tidegate_presence_members": &c.members,
		"tidegate_presence_unsaid":  &c.unsaid,
		"tidegate_presence_rosters": &c.rosters,
		"tidegate_presence_nodes":   &c.nodes,
	} {
		set.NewGauge(name, func() float64 { return float64(value.Load()) })
	}
}

// see notes what there is at the end of a round.
func (c *counts) see(k *Keeper) {
	unsaid := 0
	for l := range k.unsaid {
		unsaid += len(l.unsaid)
	}
	c.lists.Store(int64(len(k.lists)))
	c.members.Store(int64(k.members))
	c.unsaid.Store(int64(unsaid))
	c.rosters.Store(int64(len(k.rosters)))
	c.nodes.Store(int64(len(k.nodes)))
}
