package reactor

import (
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/lesismal/nbio/logging"
)

// engineLog gives nbio's log lines to slog. nbio has one logger for the process,
// so they go to the log of the reactor that was made last.
type engineLog struct{ to atomic.Pointer[slog.Logger] }

var (
	nbioLog  engineLog
	setsOnce sync.Once
)

// logTo has nbio log to l. The logger itself is set once, before the first engine
// starts, because nbio reads it without a lock.
func logTo(l *slog.Logger) {
	nbioLog.to.Store(l)
	setsOnce.Do(func() { logging.SetLogger(&nbioLog) })
}

// Debug is nbio's, and so are the other three. What nbio calls information,
// engines starting and ending, is detail here.
func (g *engineLog) Debug(format string, v ...any) { g.to.Load().Debug(fmt.Sprintf(format, v...)) }

// Info logs at debug.
func (g *engineLog) Info(format string, v ...any) { g.to.Load().Debug(fmt.Sprintf(format, v...)) }

// Warn logs at warn.
func (g *engineLog) Warn(format string, v ...any) { g.to.Load().Warn(fmt.Sprintf(format, v...)) }

// Error logs at error.
func (g *engineLog) Error(format string, v ...any) { g.to.Load().Error(fmt.Sprintf(format, v...)) }
