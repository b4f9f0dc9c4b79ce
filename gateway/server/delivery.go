package server

import (
	"strconv"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/tidegate/tidegate/broker"
	"github.com/tidegate/tidegate/gateway/wire"
	"github.com/tidegate/tidegate/reactor"
)

// delivery is messages of one group on their way down: what was read together, up to
// runMessages and runBytes of it, so that a member is looked at once for all of them and
// the bytes that all members get are joined once. It does not change after it was handed
// over, so every worker may run it at the same time.
type delivery struct {
	relay     *relay
	topic     *topic
	workers   workerSet       // that have members in the group
	previous  broker.Position // of the message before them in the stream
	first     broker.Position
	last      broker.Position
	exclude   connectionID            // who does not get them
	excluding bool                    // somebody does not
	lost      bool                    // no messages, but a gap: what stood before last was lost
	messages  int                     // how many they are
	bytes     int                     // of payload
	frames    [variants]reactor.Frame // one per form in which the group's members get them
	bodies    bodies                  // for the members that get them numbered
}

// The bounds of a delivery: a client takes it whole or not at all, and a larger write
// gains nothing.
const (
	runMessages = 64
	runBytes    = 16 << 10
)

// run is how many messages, of one group, go together: those that everybody gets, or
// everybody but the same client.
func run(messages []*broker.Message) (n int) {
	for bytes := len(messages[0].Data); n < len(messages); n++ {
		m := messages[n]
		if n > 0 {
			bytes += len(m.Data)
		}
		if n == runMessages || n > 0 && bytes > runBytes || m.Exclude != messages[0].Exclude {
			break
		}
	}
	return n
}

// encode makes the frames of messages that go together; gap says that something before
// them was lost.
func (d *delivery) encode(b *reactor.Builder, messages []*broker.Message, wanted [variants]bool, gap bool) {
	d.messages = len(messages)
	d.first, d.last = messages[0].Position, messages[d.messages-1].Position
	for _, m := range messages {
		d.bytes += len(m.Data)
	}
	if exclude := messages[0].Exclude; exclude != "" {
		d.exclude, d.excluding = parseConnectionID(exclude)
	}
	for v, want := range wanted {
		if !want || variant(v) == numbered {
			continue
		}
		for i, m := range messages {
			d.add(b, m, variant(v), gap && i == 0)
		}
		d.frames[v] = b.Frame()
	}
	if wanted[numbered] {
		for i, m := range messages {
			d.bodies.add(m, gap && i == 0)
		}
	}
}

// add appends one message in one form. What would not gain by being compressed stays as
// it is.
func (d *delivery) add(b *reactor.Builder, m *broker.Message, v variant, gap bool) {
	binary := v.simple() && m.Type == broker.Binary
	appendTo := func(dst []byte) []byte { return append(dst, m.Data...) }
	if !v.simple() {
		appendTo = func(dst []byte) []byte { return envelope(dst, m, gap) }
	}
	if v.plain() {
		b.Add(binary, appendTo)
		return
	}
	f := reactor.BuildFrame(binary, 160+len(m.Data)+len(m.Data)/3, appendTo)
	if f.Len() >= d.relay.server.Deflate.MinBytes {
		f = f.Deflated()
	}
	b.Append(f)
}

// envelope appends a message as clients of the JSON protocol read it.
func envelope(dst []byte, m *broker.Message, gap bool) []byte {
	w := wire.Message{
		From:     "group",
		Group:    m.Group.Name,
		Type:     wire.DataType(m.Type),
		Data:     m.Data,
		FromUser: m.User,
		Metadata: m.Meta,
		Gap:      gap,
	}
	var position [48]byte
	if m.Group.Name == everyone {
		w.From, w.Group = "server", ""
	} else {
		w.Position = m.Position.Append(position[:0])
	}
	return wire.AppendMessage(dst, w)
}

// run sends the messages to the group's members on one worker, and returns to how many;
// those that are late it passes by. Called on that worker's loop; nothing in it
// allocates per member.
func (d *delivery) run(w *reactor.Worker) (members int) {
	share := &d.topic.workers[w.Index()]
	for _, m := range share.group.Members() {
		switch {
		case !m.Member.from.Before(d.last), m.Member.late != live:
		case m.Member.variant == numbered:
			members += d.runNumbered(w, m)
		case d.excludes(m):
		case !m.Member.from.Before(d.first):
			// It has some of them, and no frame begins there: the stream has the others.
			m.Member.session().fallBehind(m, m.Member.from)
			d.relay.pursue(w, m)
		case d.lacks(m.Member.variant):
			m.Member.session().fallBehind(m, d.previous)
			d.relay.pursue(w, m)
		case m.Member.conn.Offer(d.frames[m.Member.variant]):
			members++
		default:
			m.Member.session().fallBehind(m, d.previous)
		}
	}
	share.advance(d.last)
	return members
}

// lacks reports whether nobody had the messages in one form when they were encoded: who has
// come and caught up since then has to have them from the stream.
func (d *delivery) lacks(v variant) bool {
	if v == numbered {
		return len(d.bodies.ends) == 0
	}
	return d.frames[v].Len() == 0
}

// excludes reports whether a member is the one that does not get the messages.
func (d *delivery) excludes(m *membership) bool {
	return d.excluding && d.exclude == m.Member.session().id
}

// relayCounts are the counts of the way down, one of each per worker, so that no
// worker waits for another's.
type relayCounts struct {
	deliveries []*metrics.Counter
	fellBehind []*metrics.Counter
	caughtUp   []*metrics.Counter
	latency    []*metrics.PrometheusHistogram
}

func (c *relayCounts) init(set *metrics.Set, workers int, groups func() float64) {
	for i := range workers {
		label := `{worker="` + strconv.Itoa(i) + `"}`
		c.deliveries = append(c.deliveries, set.NewCounter("tidegate_deliveries_total"+label))
		c.fellBehind = append(c.fellBehind, set.NewCounter("tidegate_fell_behind_total"+label))
		c.caughtUp = append(c.caughtUp, set.NewCounter("tidegate_caught_up_total"+label))
		c.latency = append(c.latency, set.NewPrometheusHistogramExt("tidegate_delivery_seconds"+label, latencyBounds))
	}
	set.NewGauge("tidegate_groups", groups)
}

// latencyBounds start at a millisecond: a position has no finer clock.
var latencyBounds = []float64{.001, .002, .003, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10, 30}

// took counts messages that were sent to members of one worker, and the time from the
// stream's clock to the sockets' queues, that of the oldest.
func (c *relayCounts) took(worker, members int, now time.Time, d *delivery) {
	if members > 0 {
		c.deliveries[worker].Add(members * d.messages)
		ms := now.UnixMilli() - int64(d.first.Ms)
		c.latency[worker].Update(float64(max(ms, 0)) / 1000)
	}
}
