// Bench loads a running gateway and says what it did: how fast it took
// connections, how long messages took, what it cost, and whether one was lost,
// duplicated or out of order.
//
// The load is open-loop. A Pacer fixes beforehand when each publish is due; a Loop
// sends it then, whatever the gateway is doing, and latency counts from the due
// time, so that a gateway that stalls cannot make the harness ask more slowly and
// look better for it. Each message carries its group, publisher, number and due
// time (Payload); each receiver keeps a Sequence per publisher; at the end the
// books of receivers and publishers are compared (Fleet.losses), and a Result is
// judged.
//
//	Pacer ─▶ Loop.publish ─▶ gateway ─▶ Loop.read ─▶ Sequence ─▶ Window ─▶ Timeline ─▶ Result
//
// Bench limit is another load, a closed loop: Circuits keep so many deliveries under
// way at several servers in turn, among them Relays, which do nothing but write bytes,
// and a Score has the ratios.
//
// Bench hostile has the load beside attacks, by Offenders: a process of this program that
// does nothing else (package offender).
//
// Towards the gateway it is a black box: of the product it imports the names of the
// protocol and the shape of its messages.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// The exit codes.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// failure is an error of the work itself; every other error that a command
// returns is one of usage.
type failure struct{ error }

// Unwrap returns what failed.
func (f failure) Unwrap() error { return f.error }

// errFailed is a run that has its result, which the table has told already.
var errFailed = errors.New("the run failed")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// The first signal ends the run early and still reports; a second one kills.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run does what the arguments say and returns the exit code. Results go to stdout,
// progress and errors to stderr. It waits until everything is done.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := &cobra.Command{
		Use:           "bench",
		Short:         "Loads a running gateway and checks every message",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(c *cobra.Command, _ []string) error { return errors.New("say what to do; bench --help lists it") },
		Example: `  bench run
  bench run --url ws://10.0.0.5:8000/client/hubs/chat --operator http://10.0.0.5:9000 --rate 20000
  bench search --duration 5s
  bench idle --connections 10000
  bench limit --server memory=ws://127.0.0.1:8000/client/hubs/chat --shapes 100x10
  bench storm --gateway bin/gateway`,
	}
	root.CompletionOptions.DisableDefaultCmd = true
	root.AddCommand(runCommand(), searchCommand(), idleCommand(), slowCommand(), stormCommand(), workersCommand())
	root.AddCommand(limitCommand(), bareCommand(), checkCommand(), faultsCommand(), rollingCommand())
	root.AddCommand(hostileCommand(), offendCommand())
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	var f failure
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, errFailed):
		return exitFailed
	case errors.As(err, &f):
		fmt.Fprintf(stderr, "bench: %v\n", err)
		return exitFailed
	}
	fmt.Fprintf(stderr, "bench: %v\nTry bench --help.\n", err)
	return exitUsage
}
