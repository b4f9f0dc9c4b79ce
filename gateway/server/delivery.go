package server

import (
	"strconv"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/tidegate/tidegate/broker"
	"github.com/tidegate/tidegate/gateway/wire"
	"github.com/tidegate/tidegate/reactor"
)

// delivery is one message on its way down. It does not change once it was handed over,
// so every worker may run it at the same time.
type delivery struct {
	relay    *relay
	topic    *topic
	workers  workerSet // that have members in the group
	message  *broker.Message
	previous broker.Position         // of the message before it in the stream
	exclude  connectionID            // who does not get it
	frames   [variants]reactor.Frame // one per form in which the group's members get it
}

// encode makes the frames.
func (d *delivery) encode(wanted [variants]bool) {
	m := d.message
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
	var position [48]byte
	if m.Group.Name == everyone {
		w.From, w.Group = "server", ""
	} else {
		w.Position = m.Position.Append(position[:0])
	}
	return wire.AppendMessage(dst, w)
}

// run sends the message to the group's members on one worker; those that are late it
// passes by. Called on that worker's loop; nothing in it allocates per member.
func (d *delivery) run(worker int) (sent int) {
	share := &d.topic.workers[worker]
	at := d.message.Position
	for _, m := range share.group.Members() {
		switch {
		case !m.Member.from.Before(at), m.Member.late != live, d.excludes(m):
		case m.Member.conn.Offer(d.frames[m.Member.variant]):
			sent++
		default:
			m.Member.session().fallBehind(m, d.previous)
		}
	}
	share.advance(at)
	return sent
}

// excludes reports whether a member is the one that does not get the message.
func (d *delivery) excludes(m *membership) bool {
	return d.message.Exclude != "" && d.exclude == m.Member.session().id
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

// took counts a message that was sent to members of one worker, and the time from the
// stream's clock to the sockets' queues.
func (c *relayCounts) took(worker, sent int, now time.Time, at broker.Position) {
	if sent > 0 {
		ms := now.UnixMilli() - int64(at.Ms)
		c.latency[worker].Update(float64(max(ms, 0)) / 1000)
	}
}
