// Package offender has the clients that a gateway on the internet meets and does not
// want: those that say nothing, that never stop, that vanish, that lie about a length,
// that guess keys. An Attack says what they do and what they should get for it; a Crew
// does it, at a bounded rate, and writes down what came of each connection.
//
//	Attack ─▶ Crew ─▶ Visit (one connection) ─▶ the outcome in a word ─▶ Tally ─▶ Report
//
// Offenders are cheap on purpose: their frames are made beforehand, with a mask of
// zeros, and written many at a time, since a real attacker brings processors of his own
// and these share the gateway's. They know it from outside only.
package offender

import (
	"fmt"
	"net"
	"strings"
)

// Target is where the offenders go.
type Target struct {
	Public   string // host:port of the public listener
	Operator string // host:port of the operator listener
}

// The addresses that offenders ask for.
const (
	hubPath  = "/client/hubs/chat"
	route    = "/ws/chat/%s/"
	sendPath = "/api/hubs/chat/groups/attacked/:send"
)

// Attack is one kind of offence. The table of them is Attacks; a value is not changed.
type Attack struct {
	Name     string
	About    string   // what the offenders do
	Settings []string // of the gateway, as KEY=VALUE, beside which the attack is meant

	// What the offenders should get. Each of Wants must come at least once, where "a|b" is
	// one or the other; beside them only what is in May may come.
	Wants []string
	May   []string
	// Counted are series of the gateway's /metrics that must grow.
	Counted []string
	// Grows is how much the gateway's resident memory may grow meanwhile, in MiB.
	Grows float64

	offenders int     // at a time
	perSecond float64 // connections of all together
	alone     bool    // they come from one address
	visit     func(v *Visit) (got string)
}

// Find is the attacks of these names, or all without any.
func Find(names []string) ([]Attack, error) {
	if len(names) == 0 {
		return Attacks, nil
	}
	var all []string
	byName := map[string]Attack{}
	for _, a := range Attacks {
		all = append(all, a.Name)
		byName[a.Name] = a
	}
	var found []Attack
	for _, name := range names {
		a, ok := byName[name]
		if !ok {
			return nil, fmt.Errorf("there is no attack %q: want some of %s", name, strings.Join(all, ", "))
		}
		found = append(found, a)
	}
	return found, nil
}

// Offenders is how many there are at a time, at a scale of 1.
func (a Attack) Offenders() int { return a.offenders }

// Wanted reports whether each outcome that the attack wants has come so many times. Who is
// open until its end has his then.
func (a Attack) Wanted(got map[string]uint64, times uint64) bool {
	for _, w := range a.Wants {
		if w != held && sum(got, w) < times {
			return false
		}
	}
	return true
}

// sum is how often the outcomes in wanted have come.
func sum(got map[string]uint64, wanted string) (n uint64) {
	for one := range strings.SplitSeq(wanted, "|") {
		n += got[one]
	}
	return n
}

// Faults is what is wrong with what the offenders got once all have ended, in words.
func (a Attack) Faults(got map[string]uint64) (faults []string) {
	known := map[string]bool{}
	for _, w := range a.Wants {
		for one := range strings.SplitSeq(w, "|") {
			known[one] = true
		}
		if sum(got, w) == 0 {
			faults = append(faults, fmt.Sprintf("no offender got %s", strings.ReplaceAll(w, "|", " or ")))
		}
	}
	for _, m := range a.May {
		known[m] = true
	}
	for _, word := range words(got) {
		if !known[word] {
			faults = append(faults, fmt.Sprintf("%d offenders got %s, which this attack should not get", got[word], word))
		}
	}
	return faults
}

// sources is how many loopback addresses the offenders come from, from 127.0.0.2 on.
const sources = 8

// source is the address that an offender comes from; nil, the system's choice, to any
// target but a loopback one.
func (a Attack) source(target string, n int) net.Addr {
	if a.alone {
		n = 0
	}
	host, _, err := net.SplitHostPort(target)
	if ip := net.ParseIP(host).To4(); err != nil || ip == nil || !ip.IsLoopback() {
		return nil
	}
	return &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(2+n%sources))}
}
