package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"time"

	"github.com/tidegate/tidegate/bench/offender"
)

// Siege is one attack and what came of it.
type Siege struct {
	Attack  string          `json:"attack"`
	About   string          `json:"about"`
	Report  offender.Report `json:"offenders"`
	Counted Metrics         `json:"counted"` // closes and errors that the gateway counted meanwhile

	Before    Quantiles `json:"members_before"`
	During    Quantiles `json:"members_during"`
	After     Quantiles `json:"members_after"`
	RatioP50  float64   `json:"ratio_p50"` // beside the attack to the mean of the quiet times
	RatioP99  float64   `json:"ratio_p99"`
	Newcomers Newcomers `json:"newcomers"`

	Deliveries Deliveries `json:"deliveries"` // to members
	Closed     int        `json:"members_closed"`
	Memory     Memory     `json:"memory"`
	Files      Files      `json:"files"`
	CoresCalm  float64    `json:"gateway_cores_quiet"`
	Cores      float64    `json:"gateway_cores"`   // beside the attack
	Offenders  float64    `json:"offenders_cores"` // their own
	Starved    float64    `json:"harness_starved"` // share of the time that the members' loop wanted a processor and got none
	Failures   []string   `json:"failures"`
}

// Files is how many descriptors the gateway had.
type Files struct {
	Before float64 `json:"before"`
	Most   float64 `json:"most"`
	After  float64 `json:"after"`
}

// givenBack is how long the gateway may take to let go of what offenders had, after they
// have gone.
const givenBack = 20 * time.Second

// collectorRoom is what a gateway may allocate, in MiB, before its collector comes at all.
const collectorRoom = 48

// besiege is the load of the members, on a gateway of its own, with one attack beside it.
func (o hostileOptions) besiege(ctx context.Context, a offender.Attack) (*Siege, error) {
	warm(int(warmBytes * min(o.scale, 1)))
	n, err := o.host.Start(ctx, nil, o.flags(a)...)
	if err != nil {
		return nil, err
	}
	p := n.at(o.plan)
	target := p
	if o.elsewhere {
		other, err := o.host.Start(ctx, nil, o.flags(a)...)
		if err != nil {
			return nil, errors.Join(err, n.Close())
		}
		defer other.Close()
		target = other.at(o.plan)
	}
	// An hour is no limit: the schedule ends with the scene.
	p.Warmup, p.Duration = time.Second, time.Hour
	s := &Siege{Attack: a.Name, About: a.About}
	phases := newPhases(hostilePhases)
	w := &watch{op: newOperator(p.Operator), siege: s}
	defer w.op.Close()
	var failed error
	r, err := loadWith(ctx, p, Scene{
		Begin: func(f *Fleet, _ *Course) {
			f.extras.observe = func(_ *Conn, m Payload, now time.Duration) { phases.Record(m.Due, now-m.Due) }
		},
		Play: func(ctx context.Context, c *Course) {
			failed = o.play(ctx, a, p, target, c, phases, w)
		},
	}, newProgress(io.Discard, true))
	if err = errors.Join(err, failed, n.Close()); err != nil {
		return nil, err
	}
	s.Before, s.During, s.After = phases.Quantiles(calmBefore), phases.Quantiles(attacked), phases.Quantiles(calmAfter)
	s.RatioP50 = ratio(2*s.During.P50, s.Before.P50+s.After.P50)
	s.RatioP99 = ratio(2*s.During.P99, s.Before.P99+s.After.P99)
	s.Deliveries, s.Closed, s.Starved = r.Deliveries, r.Connect.Closed, r.Harness.Starved
	s.judge(o, a, r)
	return s, nil
}

// play is the quiet time, the attack on a target, and the quiet time after it.
func (o hostileOptions) play(ctx context.Context, a offender.Attack, p, target Plan, c *Course, phases *Phases, w *watch) error {
	s := w.siege
	pause(ctx, p.Warmup-c.Elapsed())
	phases.Enter(calmBefore, c.Elapsed())
	calm, err := o.receive(ctx, p, o.calm, w)
	if err != nil {
		return err
	}
	s.Newcomers.Before, s.CoresCalm = calm.quantiles(), w.cores
	s.Memory.Before, s.Files.Before = w.last[rssMetric], w.last[filesMetric]

	before := w.last
	phases.Enter(attacked, c.Elapsed())
	crew, err := o.startOffenders(a, target)
	if err != nil {
		return err
	}
	during, err := o.receive(ctx, p, o.attack, w)
	s.Report, err = crew.end(err)
	if err != nil {
		return err
	}
	s.Newcomers.During, s.Cores = during.quantiles(), w.cores
	s.Newcomers.Failed, s.Newcomers.Why = calm.failed+during.failed, during.why
	s.Memory.Most, s.Files.Most = w.mostRSS, w.mostFiles
	s.Offenders = s.Report.CPU / s.Report.Seconds

	pause(ctx, o.rest)
	phases.Enter(calmAfter, c.Elapsed())
	after, err := o.receive(ctx, p, o.calm, w)
	if err != nil {
		return err
	}
	s.Newcomers.After = after.quantiles()
	s.Newcomers.Failed += after.failed
	s.Counted = counted(before, w.last)
	return w.settle(ctx)
}

// targets is where the offenders go for a plan.
func targets(p Plan) (t offender.Target, err error) {
	public, err1 := url.Parse(p.URL)
	operator, err2 := url.Parse(p.Operator)
	if err := errors.Join(err1, err2); err != nil {
		return t, err
	}
	return offender.Target{Public: public.Host, Operator: operator.Host}, nil
}

// judge says why it failed, if it did. What happened to members is judged as in any load,
// except by rate and time, which an attack may touch.
func (s *Siege) judge(o hostileOptions, a offender.Attack, r *Result) {
	s.Failures = append(r.faults(), a.Faults(s.Report.Got)...)
	fail := func(format string, args ...any) { s.Failures = append(s.Failures, fmt.Sprintf(format, args...)) }
	if s.Newcomers.Failed > 0 {
		fail("%d newcomers did not get in; the first: %s", s.Newcomers.Failed, s.Newcomers.Why)
	}
	if o.elsewhere {
		return // of the rest this gateway knows nothing
	}
	for _, series := range a.Counted {
		if s.Counted.Sum(series) == 0 {
			fail("the gateway did not count it in %s", series)
		}
	}
	// Less of an attack may cost less, but the collector's own share stays.
	if grown, bound := s.Memory.Most-s.Memory.Before, (a.Grows*max(o.scale, 1)+collectorRoom)*(1<<20); grown > bound {
		fail("the gateway's memory grew by %s, above the bound of %s", mib(grown), mib(bound))
	}
	if s.Files.After > s.Files.Before+sparedFiles {
		fail("the gateway had %g descriptors before, and %g when the offenders had been gone for %v", s.Files.Before, s.Files.After, givenBack)
	}
	if o.strict && s.RatioP99 > strictRatio {
		fail("the members' p99 is %.2f times that of the quiet times, above %d (--strict)", s.RatioP99, strictRatio)
	}
}
