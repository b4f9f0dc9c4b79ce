package main

import "time"

// fullCore is the share of its core from which on a server counts as what was slow. Below
// it the load, or whoever else had the processor, may have been.
const fullCore = 0.95

// The units of figures, as ratios name them.
const (
	figureRate = "rate" // deliveries or acked publishes a second
	figureCost = "cost" // CPU microseconds of each
	figureP50  = "p50"
	figureP99  = "p99"
)

// figures are all that are compared, in the order of the table.
var figures = []string{figureRate, figureCost, figureP50, figureP99}

// Measurement is what one server did in one round.
type Measurement struct {
	Count      uint64  `json:"count"` // deliveries, or acked publishes
	PerSecond  float64 `json:"per_second"`
	Micros     float64 `json:"cpu_us"`       // of the server, each
	StoreCPU   float64 `json:"store_cpu_us"` // of its Redis, each
	ServerBusy float64 `json:"server_busy"`  // cores
	LoadBusy   float64 `json:"load_busy"`    // cores, of this process
	P50        float64 `json:"p50_ms,omitempty"`
	P99        float64 `json:"p99_ms,omitempty"`
}

// measurement divides what was spent by what was done.
func measurement(s Spent, count uint64) Measurement {
	m := Measurement{Count: count, PerSecond: perSecond(count, s.Wall.Seconds())}
	if n := float64(count); n > 0 {
		m.Micros = float64(s.Server) / float64(time.Microsecond) / n
		m.StoreCPU = float64(s.Store) / float64(time.Microsecond) / n
	}
	if w := float64(s.Wall); w > 0 {
		m.ServerBusy, m.LoadBusy = float64(s.Server)/w, float64(s.Load)/w
	}
	return m
}
