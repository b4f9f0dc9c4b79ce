package offender

import (
	"context"
	"math"
	"sync"
	"sync/atomic"
)

// Crew is the offenders of one attack, a goroutine each.
type Crew struct {
	// Static after Start.
	target Target
	attack Attack
	scale  float64
	ctx    context.Context

	pace   pace
	visits atomic.Uint64 // that have begun
	tally  Tally
	wait   sync.WaitGroup
}

// Start has an attack go on until ctx ends. scale multiplies offenders and rates, for
// a small one. Wait must be called.
func Start(ctx context.Context, target Target, attack Attack, scale float64) *Crew {
	c := &Crew{target: target, attack: attack, scale: scale, ctx: ctx}
	c.pace.init(attack.perSecond * scale)
	c.tally.init()
	for n := range c.Size() {
		c.wait.Go(func() { c.offend(n) })
	}
	return c
}

// scaled is a number of the attack's at this scale, at least one.
func (c *Crew) scaled(n int) int { return max(int(math.Round(float64(n)*c.scale)), 1) }

// offend is one offender's life: one connection after the other.
func (c *Crew) offend(n int) {
	for c.pace.turn(c.ctx) {
		v := &Visit{crew: c, n: n, turn: int(c.visits.Add(1))}
		got := c.attack.visit(v)
		v.close()
		c.tally.add(got)
	}
}

// Size is how many offenders there are.
func (c *Crew) Size() int { return c.scaled(c.attack.offenders) }

// Report is how far it is. May be called at any time from any goroutine.
func (c *Crew) Report() Report { return c.tally.report(c.attack.Name) }

// Wait returns once all offenders have ended, some time after ctx, with what there was.
func (c *Crew) Wait() Report {
	c.wait.Wait()
	return c.Report()
}
