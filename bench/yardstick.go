package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Yardstick is what bench limit is asked to do.
type Yardstick struct {
	Subjects    []Subject     `json:"subjects"`
	Parts       []string      `json:"parts"`
	Shapes      []string      `json:"shapes"`
	Sizes       []int         `json:"sizes"`
	Rounds      int           `json:"rounds"`
	Duration    time.Duration `json:"duration_ns"` // of one server's turn
	Warmup      time.Duration `json:"warmup_ns"`   // before it
	Outstanding int           `json:"outstanding"` // deliveries
	Rate        float64       `json:"rate"`        // deliveries a second of the latency part
	Publishers  int           `json:"publishers"`  // of the intake part
	Unanswered  int           `json:"unanswered"`  // publishes of each of them
	Patience    time.Duration `json:"patience_ns"` // for which nothing may come that is due
	Token       string        `json:"-"`           // access token for the gateways, or empty
}

// defaultYardstick is what make bench-limit does.
func defaultYardstick() Yardstick {
	y := Yardstick{
		Parts: []string{throughput, latency, intake}, Sizes: []int{64, 1024, 16384},
		Rounds: 5, Duration: 1500 * time.Millisecond, Warmup: 200 * time.Millisecond,
		Outstanding: 8000, Rate: 10_000, Publishers: 16, Unanswered: 64, Patience: 20 * time.Second,
	}
	for _, s := range shapes {
		y.Shapes = append(y.Shapes, s.Name)
	}
	return y
}

// hurry makes the short form of what was not asked for otherwise.
func (y *Yardstick) hurry(given func(flag string) bool) {
	short := func(flag string, shorten func()) {
		if !given(flag) {
			shorten()
		}
	}
	short("shapes", func() { y.Shapes = y.Shapes[:2] })
	short("sizes", func() { y.Sizes = y.Sizes[:1] })
	short("rounds", func() { y.Rounds = 3 })
	short("duration", func() { y.Duration = time.Second })
}

// choose makes the subjects out of the flags.
func (y *Yardstick) choose(servers map[string]string, pids map[string]int) error {
	for name := range servers {
		if !slices.Contains(subjectNames, name) {
			return fmt.Errorf("--server %s: want one of %s", name, strings.Join(subjectNames, ", "))
		}
	}
	for name := range pids {
		if _, ok := servers[name]; !ok && name != "store" {
			return fmt.Errorf("--pid %s: there is no --server of that name", name)
		}
	}
	for _, name := range subjectNames {
		if servers[name] == "" {
			continue
		}
		s := Subject{Name: name, URL: servers[name], PID: pids[name], Token: y.Token}
		if name == "redis" {
			s.Store = pids["store"]
		}
		y.Subjects = append(y.Subjects, s)
	}
	return nil
}

// Validate is called once, before anything is opened. It returns an error that names
// the flag to change.
func (y Yardstick) Validate() error {
	if len(y.Subjects) == 0 {
		return fmt.Errorf("--server: name at least one; make bench-limit starts all four")
	}
	for _, s := range y.Subjects {
		if err := s.Validate(); err != nil {
			return err
		}
	}
	return y.validateLoad()
}

// validateLoad checks what is to be measured.
func (y Yardstick) validateLoad() error {
	for _, name := range y.Shapes {
		if _, err := findShape(name); err != nil {
			return err
		}
	}
	for _, size := range y.Sizes {
		if size < payloadMin || size > 1<<20 {
			return fmt.Errorf("--sizes %d: want %d (the harness's own marks) to %d bytes", size, payloadMin, 1<<20)
		}
	}
	for _, name := range y.Parts {
		if name != throughput && name != latency && name != intake {
			return fmt.Errorf("--parts %s: want some of %s, %s, %s", name, throughput, latency, intake)
		}
	}
	switch {
	case y.Rounds < 1 || y.Rounds > 1000:
		return fmt.Errorf("--rounds %d: want 1 to 1000", y.Rounds)
	case y.Duration <= 0 || y.Warmup < 0 || y.Patience <= 0:
		return fmt.Errorf("--duration %v, --warmup %v, --patience %v: want more than nothing", y.Duration, y.Warmup, y.Patience)
	case y.Outstanding < 1 || y.Outstanding > 1<<20:
		return fmt.Errorf("--outstanding %d: want 1 to %d deliveries", y.Outstanding, 1<<20)
	case y.Rate <= 0 || y.Rate > 10_000_000:
		return fmt.Errorf("--rate %g: want up to 10000000 deliveries a second", y.Rate)
	case y.Publishers < 1 || y.Publishers > 1000:
		return fmt.Errorf("--publishers %d: want 1 to 1000", y.Publishers)
	case y.Unanswered < 1 || y.Unanswered > 10_000:
		return fmt.Errorf("--unanswered %d: want 1 to 10000", y.Unanswered)
	}
	return nil
}

// parts are the things to measure, in their order.
func (y Yardstick) parts() (all []Part, err error) {
	base := Part{Publishers: circuitPublishers, warmup: y.Warmup, duration: y.Duration, patience: y.Patience}
	for _, name := range y.Shapes {
		for _, size := range y.Sizes {
			p := base
			if p.Shape, err = findShape(name); err != nil {
				return nil, err
			}
			p.Name, p.Size, p.Window = throughput, size, p.Shape.Window(y.Outstanding, size)
			all = append(all, p)
		}
	}
	p := base
	p.Name, p.Size, p.Shape = latency, 64, Shape{Name: "100x10", Groups: 100, Connections: 1000}
	p.rate = y.Rate / float64(p.Shape.Fanout())
	all = append(all, p)
	p = base
	// One subscriber a group: the way up is what this is about, and it must be real.
	p.Name, p.Size, p.Shape, p.Acks = intake, 64, Shape{Name: "100x1", Groups: 100, Connections: 100}, true
	p.Publishers, p.Window = y.Publishers, y.Unanswered
	all = append(all, p)
	return slices.DeleteFunc(all, func(p Part) bool { return !slices.Contains(y.Parts, p.Name) }), nil
}
