package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Streams of random numbers: each who decides has one of his own, so that what one
// decides does not hang on when another does.
const (
	followerStream = iota + 1
	speakerStream
	faultStream
	layoutStream
)

// trialOptions is what a trial is made of.
type trialOptions struct {
	host     Host
	seed     uint64
	nodes    int
	steady   int           // members that stay, in all groups or, with few of them, in their share
	wander   int           // members that come and go
	groups   int           // of the trial
	each     int           // groups that a wandering member is in
	wide     bool          // steady members are in all groups; otherwise in each of them
	speakers int           // who publish, to all groups
	rate     float64       // publishes a second, of all
	size     int           // bytes of payload
	capacity int           // of a group's stream
	strikes  int           // how often a fault that can be repeated is
	absence  time.Duration // the longest of those who wander
	duration time.Duration // from the first strike until all settle, at least
	patience time.Duration // for the tail
}

// Trial is one fault, done to fresh gateways and a fresh Redis under load.
type Trial struct {
	o     trialOptions
	fault Fault
	start time.Time
	redis *Deployment
	draw  *rand.Rand // of the fault

	settling chan struct{} // closed: who wanders goes home
	quiet    chan struct{} // closed: speakers end
	gate     Gate          // closed: who stalls does not read

	followers []*Follower
	speakers  []*Speaker

	mu      sync.Mutex // guards what follows
	nodes   []*Node    // nil where one is gone
	odd     []string   // what no frame should say, the first of it
	refused string     // the first refusal
	cured   time.Duration
}

// rand is the random numbers of one who decides.
func (t *Trial) rand(stream, id int) *rand.Rand {
	return rand.New(rand.NewPCG(t.o.seed, uint64(stream)<<32|uint64(id)))
}

func (t *Trial) elapsed() time.Duration { return time.Since(t.start) }

// plan is what the dialer of connections wants to know.
func (t *Trial) plan() Plan { return Plan{Connections: 1, Groups: 1} }

// groupName is the name of a group, and the end of its key in Redis.
func (t *Trial) groupName(group int) string { return "bench-" + strconv.Itoa(group) }

// key is where Redis has a group.
func (t *Trial) key(group int) string { return "tg:chat:" + t.groupName(group) }

// groupOf is groupName backwards.
func (t *Trial) groupOf(name string) (group int, ok bool) {
	digits, found := strings.CutPrefix(name, "bench-")
	group, err := strconv.Atoi(digits)
	return group, found && err == nil && group >= 0 && group < t.o.groups
}

// pick is a node to connect to: any for who wanders, and nil if there is none.
func (t *Trial) pick(draw *rand.Rand, id int) *Node {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := t.nodes[(draw.IntN(len(t.nodes))+id)%len(t.nodes)]
	if n != nil {
		return n
	}
	for _, n := range t.nodes {
		if n != nil {
			return n
		}
	}
	return nil
}

// wrong notes what no server should say.
func (t *Trial) wrong(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.odd) < brokenLimit {
		t.odd = append(t.odd, fmt.Sprintf(format, args...))
	}
}

// refusal notes the first ack that says no.
func (t *Trial) refusal(text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.refused == "" {
		t.refused = text
	}
}

// cure notes that the fault is over: from here on everything has to go on.
func (t *Trial) cure() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cured = t.elapsed()
}

// ended reports whether a channel is closed or the trial was cut short.
func (t *Trial) ended(ctx context.Context, over chan struct{}) bool {
	select {
	case <-over:
		return true
	case <-ctx.Done():
		return true
	default:
		return false
	}
}

// pauseUntil is pause that ends with a channel too.
func (t *Trial) pauseUntil(ctx context.Context, over chan struct{}, d time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	select {
	case <-over:
	case <-ctx.Done():
	}
}

// runTrial starts everything, does the fault and tells what is to be judged.
func runTrial(ctx context.Context, f Fault, o trialOptions, show *Progress) (*Outcome, error) {
	t := &Trial{o: f.adjust(o), fault: f, start: time.Now(), settling: make(chan struct{}), quiet: make(chan struct{})}
	t.draw = t.rand(faultStream, 0)
	var err error
	if t.redis, err = deploy(ctx, f.kind, f.options...); err != nil {
		return nil, err
	}
	for range t.o.nodes {
		if err = t.addNode(ctx); err != nil {
			break
		}
	}
	var found *Outcome
	if err == nil {
		found, err = t.run(ctx, show)
	}
	err = errors.Join(err, t.end())
	if found != nil {
		found.Took = t.elapsed()
	}
	return found, err
}

// end ends all gateways, together, and then Redis.
func (t *Trial) end() error {
	errs := make([]error, len(t.nodes))
	var ends sync.WaitGroup
	for i, n := range t.nodes {
		if n != nil {
			ends.Go(func() { errs[i] = n.Close() })
		}
	}
	ends.Wait()
	return errors.Join(append(errs, t.redis.Close())...)
}

// addNode starts one more gateway, in the place of one that is gone if there is one.
func (t *Trial) addNode(ctx context.Context) error {
	n, err := t.o.host.Start(ctx, nil, "--broker", t.redis.URL(), "--set", "capacity="+strconv.Itoa(t.o.capacity))
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if i := slices.Index(t.nodes, nil); i >= 0 {
		t.nodes[i] = n
		return nil
	}
	t.nodes = append(t.nodes, n)
	return nil
}

// removeNode takes a node out of what clients connect to.
func (t *Trial) removeNode(i int) *Node {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := t.nodes[i]
	t.nodes[i] = nil
	return n
}

// run is the load with the fault in it.
func (t *Trial) run(ctx context.Context, show *Progress) (*Outcome, error) {
	t.populate()
	living, over := context.WithCancel(ctx)
	defer over()
	var members, speakers sync.WaitGroup
	for _, f := range t.followers {
		members.Go(func() { f.follow(living) })
	}
	defer members.Wait()
	defer over() // before the wait
	err := until(ctx, t.o.patience, "all steady members are in", t.allHome)
	if err != nil {
		return nil, err
	}
	for _, s := range t.speakers {
		speakers.Go(func() { s.speak(ctx) })
	}
	pause(ctx, time.Second)
	began := time.Now()
	show.Line("%s: begins", t.fault.name)
	err = t.fault.play(ctx, t)
	if t.cured == 0 {
		t.cure()
	}
	pause(ctx, max(t.o.duration-time.Since(began), calm))
	close(t.settling)
	settled := t.elapsed()
	home := until(ctx, t.o.patience, "everybody is home", t.allHome)
	close(t.quiet)
	speakers.Wait()
	if err = errors.Join(err, home); err != nil {
		return nil, fmt.Errorf("%s: %w; the first refusal: %s", t.fault.name, err, t.refused)
	}
	// Who does not get the rest is found by the judge.
	_ = until(ctx, t.o.patience, "the tail is there", t.complete)
	return t.outcome(settled)
}

// calm is how long a trial goes on after its fault, at least.
const calm = 2 * time.Second

// populate makes the members and speakers.
func (t *Trial) populate() {
	draw := t.rand(layoutStream, 0)
	for i := range t.o.steady + t.o.wander {
		steady := i < t.o.steady
		groups := draw.Perm(t.o.groups)
		if !steady || !t.o.wide {
			groups = groups[:t.o.each]
		}
		f := newFollower(t, i, groups, steady)
		f.stalls = t.fault.stalls && i%5 == 0
		if i%2 == 1 {
			f.session = &session{}
		}
		t.followers = append(t.followers, f)
	}
	for i := range t.o.speakers {
		t.speakers = append(t.speakers, newSpeaker(t, i))
	}
}

// allHome is nil once all who stay are in all of their groups, and, when the trial
// settles, those who wander as well.
func (t *Trial) allHome() error {
	settling := t.ended(context.Background(), t.settling)
	for _, f := range t.followers {
		if (f.steady || settling) && !f.settled() {
			return fmt.Errorf("member %d is not: %s", f.id, f.state())
		}
	}
	return nil
}

// complete is nil once every member has every speaker's last word.
func (t *Trial) complete() error {
	for _, f := range t.followers {
		if n := f.behind(t.speakers); n > 0 {
			return fmt.Errorf("member %d lacks %d last messages", f.id, n)
		}
	}
	return nil
}
