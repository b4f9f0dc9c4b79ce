package redisstream

import (
	"flag"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/tidegate/tidegate/broker"
)

// long has the tests of faults last as long as they were meant to.
var long = flag.Bool("long", false, "the long form of the tests of faults")

// gapEvent stands among the numbers that came of a group where a loss was announced.
const gapEvent = -1

// load is two nodes that follow some groups, and messages that the first of them says
// in turn to each, numbered by group.
type load struct {
	t      *testing.T
	nodes  [2]*Broker
	groups []broker.Group
	pace   time.Duration

	stop  chan struct{}
	ended chan struct{}
	said  []int // by group; owned by run while it lasts

	mu     sync.Mutex // guards what follows
	acked  []map[int]bool
	failed int
	came   [2][][]int // by node and group
	last   [2][]time.Time
	pause  time.Duration // the longest that nothing came of a group
}

// slip is a publication's receipt.
type slip struct{ group, number int }

// startLoad has messages flow through nodes on a Redis, and returns when they do.
func startLoad(t *testing.T, url string, groups int, pace time.Duration) *load {
	t.Helper()
	l := &load{t: t, pace: pace, stop: make(chan struct{}), ended: make(chan struct{}), said: make([]int, groups)}
	for i := range groups {
		l.groups = append(l.groups, broker.Group{Hub: "chat", Name: strconv.Itoa(i)})
		l.acked = append(l.acked, make(map[int]bool))
	}
	for i := range l.nodes {
		l.came[i], l.last[i] = make([][]int, groups), make([]time.Time, groups)
		l.nodes[i] = l.join(url, i)
	}
	go l.run()
	for range 10 {
		l.flowing()
	}
	return l
}

// join opens a node that follows all groups.
func (l *load) join(url string, node int) *Broker {
	l.t.Helper()
	opened := make(chan error, len(l.groups))
	b := open(l.t, url, limits(), broker.Receiver{
		Opened:    func(_ broker.Group, _ broker.Position, err error) { opened <- err },
		Published: l.published,
		Deliver: func(messages []*broker.Message) {
			for _, m := range messages {
				n, err := strconv.Atoi(string(m.Data))
				if m.Lost {
					n, err = gapEvent, nil
				}
				if err != nil {
					l.t.Errorf("delivered %q", m.Data)
				}
				l.event(node, m.Group, n)
			}
		},
		Gap: func(g broker.Group, _ broker.Position) { l.event(node, g, gapEvent) },
	})
	l.t.Cleanup(func() { _ = b.Close() })
	for _, g := range l.groups {
		b.Subscribe(g)
	}
	for range l.groups {
		if err := <-opened; err != nil {
			l.t.Fatal(err)
		}
	}
	eventually(l.t, "ready", func() bool { return b.Ready() == nil })
	return b
}

func (l *load) published(outcomes []broker.Outcome) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, o := range outcomes {
		s := o.Receipt.To.(*slip)
		if o.Err == nil {
			l.acked[s.group][s.number] = true
		} else {
			l.failed++
		}
	}
}

func (l *load) event(node int, g broker.Group, n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	i, _ := strconv.Atoi(g.Name)
	l.came[node][i] = append(l.came[node][i], n)
	now := time.Now()
	if !l.last[node][i].IsZero() {
		l.pause = max(l.pause, now.Sub(l.last[node][i]))
	}
	l.last[node][i] = now
}

func (l *load) run() {
	defer close(l.ended)
	tick := time.NewTicker(l.pace)
	defer tick.Stop()
	for i := 0; ; i = (i + 1) % len(l.groups) {
		select {
		case <-l.stop:
			return
		case <-tick.C:
		}
		l.say(i)
	}
}

// say says the next message of a group; the queue may be full.
func (l *load) say(group int) {
	s := &slip{group, l.said[group]}
	l.said[group]++
	m := &broker.Message{Group: l.groups[group], Type: broker.Text, Data: []byte(strconv.Itoa(s.number))}
	_, _ = l.nodes[0].Publish([]broker.Publication{{Message: m, Receipt: broker.Receipt{To: s}}})
}

// flowing returns when something new has come to each node of each group.
func (l *load) flowing() {
	l.t.Helper()
	before := l.counts()
	eventually(l.t, "messages of all groups come to both nodes", func() bool {
		now := l.counts()
		for i := range now {
			if now[i] <= before[i] {
				return false
			}
		}
		return true
	})
}

// counts is how many messages have come, by node and group.
func (l *load) counts() (all []int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, groups := range l.came {
		for _, came := range groups {
			n := 0
			for _, e := range came {
				if e != gapEvent {
					n++
				}
			}
			all = append(all, n)
		}
	}
	return all
}

// finish ends the flow, waits for the last message of each group, and judges: nothing
// that was acked is missing, unless it was announced where it is missing; nothing came
// twice or out of order.
func (l *load) finish() (announced int) {
	l.t.Helper()
	close(l.stop)
	<-l.ended
	for i := range l.groups {
		eventually(l.t, "a last message passes", func() bool {
			s := l.said[i]
			l.say(i)
			deadline := time.Now().Add(2 * timeout)
			for time.Now().Before(deadline) {
				l.mu.Lock()
				ok := l.acked[i][s]
				l.mu.Unlock()
				if ok {
					return true
				}
				time.Sleep(5 * time.Millisecond)
			}
			return false
		})
	}
	total := 0
	for node := range l.nodes {
		for i := range l.groups {
			announced += l.judge(node, i)
			total += len(l.acked[i])
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.t.Logf("%d acked, %d failed, %d announced; longest pause of a group %s", total/len(l.nodes), l.failed, announced, l.pause.Round(time.Millisecond))
	return announced
}

// judge waits until the last message of a group has come to a node, and until nothing
// that is missing was left unsaid. A mark of a loss may stand behind what came next.
func (l *load) judge(node, group int) (announced int) {
	l.t.Helper()
	var silent []int
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		var ended bool
		silent, announced, ended = l.look(node, group)
		if ended && len(silent) == 0 {
			return announced
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.t.Errorf("node %d, group %d: of %d messages %v were acked and did not come, and nobody was told; what came is %v",
		node, group, l.said[group], silent, l.came[node][group])
	return announced
}

// look is what was acked and is missing without a word, how often a loss was announced,
// and whether the last message has come.
func (l *load) look(node, group int) (silent []int, announced int, ended bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	at, told := -1, false
	for _, n := range l.came[node][group] {
		if n == gapEvent {
			announced, silent, told = announced+1, nil, true
			continue
		}
		if n <= at {
			l.t.Errorf("node %d, group %d: %d came after %d", node, group, n, at)
		}
		for missing := at + 1; missing < n; missing++ {
			if l.acked[group][missing] && !told {
				silent = append(silent, missing)
			}
		}
		at, told = n, false
	}
	return silent, announced, at == l.said[group]-1
}
