package server

import (
	"strconv"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/tidegate/tidegate/broker"
	"github.com/tidegate/tidegate/gateway/wire"
	"github.com/tidegate/tidegate/reactor"
)

// delivery is one message on its way down. It is immutable once it was made, so
// every worker may run it at the same time.
type delivery struct {
	relay    *relay
	topic    *topic
	message  *broker.Message
	previous broker.Position         // of the message before it in the stream
	exclude  connectionID            // who does not get it
	frames   [variants]reactor.Frame // one per form in which the group's members get it
}

func newDelivery(r *relay, t *topic, m *broker.Message, wanted [variants]bool) *delivery {
	d := &delivery{relay: r, topic: t, message: m}
	d.exclude, _ = parseConnectionID(m.Exclude)
	if wanted[jsonPlain] || wanted[jsonDeflated] {
		d.frames[jsonPlain] = reactor.BuildFrame(false, 160+len(m.Data)+len(m.Data)/3, d.envelope)
	}
	if wanted[simplePlain] || wanted[simpleDeflated] {
		d.frames[simplePlain] = reactor.NewFrame(m.Data, m.Type == broker.Binary)
	}
	for _, v := range [...]variant{jsonPlain, simplePlain} {
		if wanted[v.deflated()] {
			d.deflate(v)
		}
	}
	return d
}

// deflate makes the compressed form of a message, once for all who get it. What would
// gain nothing they get as it is.
func (d *delivery) deflate(v variant) {
	f := d.frames[v]
	if f.Len() >= d.relay.server.Deflate.MinBytes {
		f = f.Deflated()
	}
	d.frames[v.deflated()] = f
}

// envelope appends the message as clients of the JSON protocol read it.
func (d *delivery) envelope(dst []byte) []byte {
	m := d.message
	w := wire.Message{
		From:     "group",
		Group:    m.Group.Name,
		Type:     wire.DataType(m.Type),
		Data:     m.Data,
		FromUser: m.User,
		Metadata: m.Meta,
	}
	if m.Group.Name == everyone {
		w.From, w.Group = "server", ""
	} else {
		w.Position = m.Position.String()
	}
	return wire.AppendMessage(dst, w)
}

// run sends the message to the group's members on one worker; those that are late it
// passes by. Called on that worker's loop; nothing in it allocates per member.
func (d *delivery) run(w *reactor.Worker) {
	share := &d.topic.workers[w.Index()]
	at, sent := d.message.Position, 0
	for _, m := range share.group.Members() {
		s := m.Member.session
		switch {
		case !m.Member.from.Before(at), m.Member.late != live, d.excludes(s):
		case s.conn.Offer(d.frames[s.variant()]):
			sent++
		default:
			s.fallBehind(m, d.previous)
		}
	}
	share.ran = at
	d.relay.counts.delivered(w.Index(), sent, at)
}

// excludes reports whether a session is the one that does not get the message.
func (d *delivery) excludes(s *session) bool { return d.message.Exclude != "" && d.exclude == s.id }

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

// delivered counts a message's deliveries on one worker and, once a message, the
// time from the stream's clock to the sockets' queues.
func (c *relayCounts) delivered(worker, sent int, at broker.Position) {
	c.deliveries[worker].Add(sent)
	if sent > 0 {
		ms := time.Now().UnixMilli() - int64(at.Ms)
		c.latency[worker].Update(float64(max(ms, 0)) / 1000)
	}
}
