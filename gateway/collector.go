package main

import (
	"os"
	"runtime/debug"
)

// collectorPace is how much is allocated before the next collection, in percent of what
// is in use.
const collectorPace = 200

// paceCollector has Go's collector run half as often as it would, unless the operator
// has set GOGC. What a gateway has in use is small, so that under full load the collector
// is called many times a second, and saves little each time.
func paceCollector() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(collectorPace)
	}
}
