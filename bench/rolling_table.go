package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// Rolling is what bench rolling found out and writes as JSON.
type Rolling struct {
	Machine string `json:"machine"`
	Plan    Plan   `json:"plan"`
	How     string `json:"how,omitempty"` // what is not as usual

	Published  uint64 `json:"published"`
	Acked      uint64 `json:"acked"`
	Refused    uint64 `json:"refused"`    // by an ack that said no
	Unknown    uint64 `json:"unknown"`    // by one that did not know
	Unanswered uint64 `json:"unanswered"` // whose connection ended before an ack came
	Untold     uint64 `json:"untold"`     // that members got, and whose publisher was told nothing of the kind
	Delivered  uint64 `json:"delivered"`
	Lost       uint64 `json:"lost"` // deliveries of acked messages that did not come
	Duplicated uint64 `json:"duplicated"`
	Reordered  uint64 `json:"reordered"`

	Unrecovered int       `json:"unrecovered"`  // resumes that the gateway could not honour
	Unclean     int       `json:"unclean"`      // connections that ended without system/disconnected and 1012
	Refusals    int       `json:"refusals"`     // handshakes that were tried again
	Away        Quantiles `json:"away"`         // from a member's close to its being back in its group
	Told        Quantiles `json:"told"`         // the wait that it was asked for
	Silence     float64   `json:"silence_secs"` // the longest time between two messages of a member
	Turns       []*Turn   `json:"turns"`
	Why         string    `json:"why,omitempty"` // the first trouble of a client
	Failures    []string  `json:"failures"`
}

// result reads the books; the clients have ended.
func (c *crowd) result() *Rolling {
	r := &Rolling{Machine: machine(), Plan: c.plan, How: c.o.how(), Turns: c.turns, Away: quantiles(c.away), Told: quantiles(c.told)}
	r.Away.Curve, r.Told.Curve = nil, nil
	for _, p := range c.publishers {
		r.Published += p.count.published
		r.Acked += p.count.acked
		r.Refused += p.count.refused
		r.Unknown += uint64(len(p.unknown))
		r.Unanswered += p.count.unanswered
		r.Unclean += p.unclean
		r.note(p.why)
	}
	for _, m := range c.members {
		r.Delivered += m.delivered
		r.Duplicated += m.twice
		r.Reordered += m.disordered
		r.Unrecovered += m.unrecovered
		r.Unclean += m.unclean
		r.Refusals += m.refused
		r.Silence = max(r.Silence, m.silence.Seconds())
		r.note(m.why)
	}
	untold := make(map[rollingMessage]struct{})
	for _, m := range c.members {
		p := c.publishers[m.group%c.plan.Publishers]
		for seq := range p.next[m.group] {
			switch got, acked := m.seen.Has(seq), p.acked[m.group].Has(seq); {
			case acked && !got:
				r.Lost++
			case got && !acked:
				untold[rollingMessage{m.group, seq}] = struct{}{}
			}
		}
	}
	for _, p := range c.publishers {
		for m := range p.unknown {
			delete(untold, m) // it was told that nobody knows
		}
	}
	r.Untold = uint64(len(untold))
	r.judge(c.o)
	return r
}

// note keeps the first trouble.
func (r *Rolling) note(why string) {
	if r.Why == "" {
		r.Why = why
	}
}

// judge says why the scene failed, if it did.
func (r *Rolling) judge(o rollingOptions) {
	r.Failures = []string{}
	for _, f := range []struct {
		n    uint64
		what string
	}{
		{r.Lost, "deliveries of acked messages were lost"},
		{r.Duplicated, "messages came twice"},
		{r.Reordered, "messages came out of order"},
		{r.Untold, "messages were taken, and their publisher was not told"},
		{uint64(r.Unrecovered), "resumes could not be honoured"},
		{uint64(r.Unclean), "connections ended without system/disconnected and close 1012"},
	} {
		if f.n > 0 {
			r.Failures = append(r.Failures, fmt.Sprintf("%s %s", grouped(f.n), f.what))
		}
	}
	if r.Acked == 0 {
		r.Failures = append(r.Failures, "nothing was acked: the run shows nothing")
	}
	pace := float64(o.plan.Connections) / o.window.Seconds()
	for i, t := range r.Turns {
		if t.Closed == 0 {
			r.Failures = append(r.Failures, fmt.Sprintf("restart %d: nobody was closed: the run shows nothing", i+1))
		}
		if most := slices.Max(append(t.Returns, 0)); o.maxBurst > 0 && float64(most) > o.maxBurst*pace {
			r.Failures = append(r.Failures, fmt.Sprintf("restart %d: %d came back in one second, above --max-burst %g times %.0f", i+1, most, o.maxBurst, pace))
		}
	}
}

// how says in words what is not as usual.
func (o rollingOptions) how() (text string) {
	if o.reliable {
		text += ", reliable sessions"
	}
	if o.eager {
		text += ", clients do not wait"
	}
	if o.hurry {
		text += ", a second SIGTERM in the middle of the window"
	}
	return text
}

// writeTable writes the scene for a terminal.
func (r *Rolling) writeTable(w io.Writer) error {
	fmt.Fprintf(w, "%s members in %d groups, %d publishers, two gateways restarted%s\n", grouped(r.Plan.Connections), r.Plan.Groups, r.Plan.Publishers, r.How)
	fmt.Fprintf(w, "published %s, acked %s, refused %s, outcome unknown %s, unanswered %s, taken without an ack %s\n", grouped(r.Published), grouped(r.Acked), grouped(r.Refused), grouped(r.Unknown), grouped(r.Unanswered), grouped(r.Untold))
	fmt.Fprintf(w, "delivered %s, lost %s, duplicated %s, reordered %s; not recovered %d\n", grouped(r.Delivered), grouped(r.Lost), grouped(r.Duplicated), grouped(r.Reordered), r.Unrecovered)
	fmt.Fprintf(w, "away p50 %s, p99 %s, max %s; asked to wait p50 %s, max %s; longest silence %.1f s; handshakes tried again %d\n",
		ms(r.Away.P50), ms(r.Away.P99), ms(r.Away.Max), ms(r.Told.P50), ms(r.Told.Max), r.Silence, r.Refusals)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	for i, turn := range r.Turns {
		fmt.Fprintf(t, "\nrestart %d\tprocess ended after %.1f s\t%d closed\t%d back\tthe last after %.1f s\t\n", i+1, turn.Took, turn.Closed, turn.Back, turn.LastBack)
		fmt.Fprint(t, "second\tclosed\tback\t\t\t\n")
		for s := range max(len(turn.Closes), len(turn.Returns)) {
			bar := strings.Repeat("#", 30*countIn(turn.Returns, s)/max(slices.Max(append(turn.Returns, 0)), 1))
			fmt.Fprintf(t, "%d\t%d\t%d\t%s\t\t\n", s, countIn(turn.Closes, s), countIn(turn.Returns, s), bar)
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(w)
	if r.Why != "" {
		fmt.Fprintln(w, "first trouble:", r.Why)
	}
	return writeVerdict(w, r.Failures)
}

// countIn is a count, 0 beyond the end.
func countIn(counts []int, i int) int {
	if i < len(counts) {
		return counts[i]
	}
	return 0
}
