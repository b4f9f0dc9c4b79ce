package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/tidegate/tidegate/bench/offender"
)

// offendVariable is set in the environment of the offenders' process, so that a program
// that has this one inside, a test, knows what it is to be.
const offendVariable = "BENCH_OFFEND"

// lowest is the nice value of offenders, whose process is a group of its own.
const lowest = 19

// offendCommand is `bench offend`, which bench hostile starts.
func offendCommand() *cobra.Command {
	var name string
	var target offender.Target
	var scale float64
	var idle bool
	c := &cobra.Command{
		Use:    "offend",
		Short:  "Attacks until its standard input ends, and prints a report as JSON; bench hostile starts it",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			attacks, err := offender.Find([]string{name})
			if err != nil {
				return fmt.Errorf("--attack: %w", err)
			}
			if err := allowFiles(int(float64(attacks[0].Offenders()) * scale)); err != nil {
				return failure{err}
			}
			if idle {
				yieldAll()
			}
			report := offend(c.Context(), attacks[0], target, scale, c.InOrStdin())
			if err := json.NewEncoder(c.OutOrStdout()).Encode(report); err != nil {
				return failure{err}
			}
			return nil
		},
	}
	f := c.Flags()
	f.StringVar(&name, "attack", "", "which attack")
	f.StringVar(&target.Public, "public", "", "host:port of the public listener")
	f.StringVar(&target.Operator, "operator", "", "host:port of the operator listener")
	f.Float64Var(&scale, "scale", 1, "multiplies offenders and rates")
	f.BoolVar(&idle, "idle", true, "run when nobody else wants the processors")
	return c
}

// offend has the attack until in ends: also when whoever started this process dies.
func offend(ctx context.Context, a offender.Attack, t offender.Target, scale float64, in io.Reader) offender.Report {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	crew := offender.Start(ctx, t, a, scale)
	_, _ = io.Copy(io.Discard, in) // an error is an end
	report := crew.Report()        // of the time of the attack
	report.CPU = ownCPU().Seconds()
	cancel()
	report.Got = crew.Wait().Got
	return report
}

// Offenders is the process of an attack.
type Offenders struct {
	cmd  *exec.Cmd
	in   io.Closer // its end ends the attack
	out  *json.Decoder
	cut  *time.Timer // kills it if it does not end
	said *tail
}

// startOffenders starts the process of an attack; end ends it.
func (o hostileOptions) startOffenders(a offender.Attack, p Plan) (*Offenders, error) {
	t, err := targets(p)
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, "offend", "--attack", a.Name, "--public", t.Public, "--operator", t.Operator, "--scale", fmt.Sprint(o.scale), "--idle="+strconv.FormatBool(o.idle))
	// One processor, and a collector that seldom runs: they are to be cheap.
	cmd.Env = append(os.Environ(), offendVariable+"=1", "GOMAXPROCS=1", "GOGC=800")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	f := &Offenders{cmd: cmd, said: &tail{}}
	cmd.Stderr = f.said
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	f.in, f.out = in, json.NewDecoder(out)
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting the offenders: %w", err)
	}
	return f, nil
}

// end ends the attack and returns what the offenders report. err is what went wrong
// meanwhile, and is returned with what goes wrong now.
func (o *Offenders) end(err error) (r offender.Report, _ error) {
	_ = o.in.Close()
	o.cut = time.AfterFunc(nodePatience, func() { _ = o.cmd.Process.Kill() })
	defer o.cut.Stop()
	said := o.out.Decode(&r)
	gone := o.cmd.Wait()
	if said != nil || gone != nil {
		err = errors.Join(err, fmt.Errorf("the offenders ended with %v, and reported %v; they said:\n%s", gone, said, o.said))
	}
	return r, err
}

// tail keeps the end of what is written to it. Owned by the process' copier.
type tail struct{ b []byte }

// Write is io.Writer's.
func (t *tail) Write(b []byte) (int, error) {
	const kept = 4 << 10
	t.b = append(t.b, b...)
	t.b = t.b[max(0, len(t.b)-kept):]
	return len(b), nil
}

// String is what was kept. Only once the process has ended.
func (t *tail) String() string { return string(t.b) }
