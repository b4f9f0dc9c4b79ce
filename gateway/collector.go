package main

import (
	"os"
	"runtime/debug"
)

// collectorPace is how much is allocated before the next collection, in percent of what
// is in use.
const collectorPace = 200

// ballastBytes moves the least at which the collector comes to 48 MiB.
const ballastBytes = 24 << 20

// paceCollector has Go's collector run half as often as it would, unless the operator
// has set GOGC: under full load it is called many times a second, and saves little each time.
// The ballast that it returns, to be kept, is counted as in use and never touched, so that
// it takes no memory: what a gateway has in use is small, and beside a crowd that comes and
// goes the collector would be called four times a second to save 3 MB.
func paceCollector() (ballast []byte) {
	if os.Getenv("GOGC") != "" {
		return nil
	}
	debug.SetGCPercent(collectorPace)
	return make([]byte, ballastBytes)
}
