package server

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/tidegate/tidegate/broker"
	"github.com/tidegate/tidegate/gateway/wire"
)

// ErrSilent is what Do answers when a node that lives has not said that it is done. It
// may do it later: the order is in its stream.
var ErrSilent = errors.New("not every node has answered")

// How long nodes may take to answer. One that has died has no lease any more when the
// time is over, and is not waited for.
const (
	inquiryTime = leaseLives + 2*time.Second
	inquiryLook = 500 * time.Millisecond
)

// tallies is a sum that several goroutines add to.
type tallies struct {
	mu  sync.Mutex
	all Tally
}

func (t *tallies) add(u Tally) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.all = t.all.add(u)
}

func (t *tallies) sum() Tally {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.all
}

// inquiries is the orders of this node that wait for answers, by nonce. As many as there
// are requests of the application.
type inquiries struct {
	mu   sync.Mutex
	open map[string]chan answer
}

// begin has room for one answer of each node that can be thought of.
func (i *inquiries) begin(nonce string, nodes int) chan answer {
	i.mu.Lock()
	defer i.mu.Unlock()
	to := make(chan answer, nodes+16)
	i.open[nonce] = to
	return to
}

func (i *inquiries) end(nonce string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	delete(i.open, nonce)
}

// answer brings one; it never waits.
func (i *inquiries) answer(a answer) {
	i.mu.Lock()
	defer i.mu.Unlock()
	select {
	case i.open[a.Nonce] <- a: // nil if nobody waits any more
	default:
	}
}

// Do has an order carried out on all nodes and returns what came of it, when every node
// that lives has answered; of an order for one connection, when the node that has it has.
// Sessions that wait for their client to come back count too. Errors: ErrUnknownHub,
// ErrBadRequest, ErrSilent and those of broker.Broker; of an order that was not carried
// out by all nodes anything may have been done, and doing it again does no harm. It waits:
// may be called from any goroutine but a reactor's.
func (s *Server) Do(ctx context.Context, o Order) (Tally, error) {
	if err := s.prepare(ctx, &o); err != nil {
		return Tally{}, err
	}
	all, err := s.inquire(ctx, o)
	if _, ok := parseConnectionID(o.Connection); err != nil || all.Found > 0 || !ok {
		return all, err
	}
	return s.doAway(ctx, &o)
}

// prepare checks an order, and keeps what it says for those who come later.
func (s *Server) prepare(ctx context.Context, o *Order) error {
	if s.hubs[o.Hub] == nil {
		return fmt.Errorf("%w: %q is not among the configured hubs", ErrUnknownHub, o.Hub)
	}
	if !utf8.ValidString(o.Text) {
		return fmt.Errorf("%w: the reason is not UTF-8", ErrBadRequest)
	}
	for _, group := range []string{o.Group, o.Change.Group} {
		if group == "" {
			continue
		}
		if err := wire.CheckGroup(group, s.Limits.GroupNameBytes); err != nil {
			return fmt.Errorf("%w: %w", ErrBadRequest, err)
		}
	}
	switch {
	case o.Verb == Disconnect && o.Text == "":
		o.Text = closedText
	case o.Verb == Revoke:
		return s.revoke(ctx, account{o.Hub, o.User}, o.At)
	}
	return nil
}

// inquire asks the nodes.
func (s *Server) inquire(ctx context.Context, o Order) (all Tally, err error) {
	ctx, cancel := context.WithTimeout(ctx, inquiryTime)
	defer cancel()
	silent, err := s.relay.broker.Living(ctx)
	if err != nil {
		return all, err
	}
	if !slices.Contains(silent, s.node) {
		silent = append(silent, s.node)
	}
	q := inquiry{o, rand.Text(), s.node}
	answers := s.inquiries.begin(q.Nonce, len(silent))
	defer s.inquiries.end(q.Nonce)
	data, _ := json.Marshal(q) // strings and numbers
	if _, err := s.publishWait(ctx, &broker.Message{Group: controlGroup(), Data: data}); err != nil {
		return all, err
	}
	look := time.NewTicker(inquiryLook)
	defer look.Stop()
	for len(silent) > 0 {
		select {
		case a := <-answers:
			silent = without(silent, a.Node)
			if all = all.add(a.Tally); o.Connection != "" && all.Found > 0 {
				return all, nil
			}
		case <-look.C:
			silent = s.livingOf(ctx, silent)
		case <-ctx.Done():
			return all, fmt.Errorf("%w: %s", ErrSilent, strings.Join(silent, ", "))
		}
	}
	return all, nil
}

// livingOf is those of some nodes that have a lease; all, if the broker cannot be asked.
func (s *Server) livingOf(ctx context.Context, nodes []string) []string {
	living, err := s.relay.broker.Living(ctx)
	if err != nil {
		return nodes
	}
	return slices.DeleteFunc(nodes, func(node string) bool { return !slices.Contains(living, node) })
}

// without is a list without one entry.
func without(all []string, one string) []string {
	return slices.DeleteFunc(all, func(s string) bool { return s == one })
}
