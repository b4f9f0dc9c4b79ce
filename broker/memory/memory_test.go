package memory

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/tidegate/tidegate/broker"
	"github.com/tidegate/tidegate/broker/brokertest"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t testing.TB, l broker.Limits, r broker.Receiver) broker.Broker {
	t.Helper()
	b, err := New(Config{Limits: l, Receiver: r, Log: slog.New(slog.DiscardHandler), Metrics: metrics.NewSet()})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestBroker(t *testing.T) {
	brokertest.Run(t, brokertest.Suite{New: open})
}

// TestUnreadIsNotTrimmed: while nobody reads, a group takes as much as it keeps
// and then refuses; what it took is delivered.
func TestUnreadIsNotTrimmed(t *testing.T) {
	gate, first := make(chan struct{}), make(chan struct{}, 1)
	delivered := make(chan *broker.Message, 1000)
	l := broker.Limits{Capacity: 100, GroupExpiry: 1 << 40, QueueMessages: 1000, QueueBytes: 1 << 20}
	g := broker.Group{Hub: "chat", Name: "g"}
	opened := make(chan struct{})
	b := open(t, l, broker.Receiver{
		Opened:    func(broker.Group, broker.Position, error) { close(opened) },
		Published: func([]broker.Outcome) {},
		Deliver: func(messages []*broker.Message) {
			select {
			case first <- struct{}{}:
			default:
			}
			<-gate
			for _, m := range messages {
				delivered <- m
			}
		},
	})
	b.Subscribe(g)
	<-opened
	publish := func() error {
		_, err := b.Publish([]broker.Publication{{Message: &broker.Message{Group: g, Data: []byte("x")}}})
		return err
	}
	if err := publish(); err != nil {
		t.Fatal(err)
	}
	<-first // the reader waits in the receiver, with that one message
	taken := 1
	for publish() == nil {
		taken++
	}
	if taken != 101 {
		t.Errorf("%d messages were taken, want the one that is being delivered and 100 more", taken)
	}
	close(gate)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if len(delivered) != taken {
		t.Errorf("%d of %d messages were delivered", len(delivered), taken)
	}
}

// BenchmarkPublish publishes in batches as a worker's turn does.
func BenchmarkPublish(b *testing.B) {
	for _, size := range []int{1, 16, 128} {
		b.Run(fmt.Sprintf("batches of %d", size), func(b *testing.B) { benchmarkPublish(b, size) })
	}
}

func benchmarkPublish(b *testing.B, size int) {
	const window = 8192
	slots := make(chan struct{}, window/size)
	opened := make(chan struct{})
	read := 0
	br := open(b, broker.Limits{Capacity: 10_000, GroupExpiry: 1 << 40, QueueMessages: 1 << 20, QueueBytes: 1 << 30}, broker.Receiver{
		Opened:    func(broker.Group, broker.Position, error) { close(opened) },
		Published: func([]broker.Outcome) {},
		Deliver: func(messages []*broker.Message) {
			for read += len(messages); read >= size; read -= size {
				<-slots
			}
		},
	})
	defer br.Close()
	g := broker.Group{Hub: "chat", Name: "g"}
	br.Subscribe(g)
	<-opened
	data := make([]byte, 128)
	batch := make([]broker.Publication, size)
	b.ReportAllocs()
	for b.Loop() {
		slots <- struct{}{}
		for i := range batch {
			batch[i].Message = &broker.Message{Group: g, Data: data}
		}
		if _, err := br.Publish(batch); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*size)/b.Elapsed().Seconds(), "messages/s")
}

// TestSaidWhileOpened: a message that comes while its group is being opened is
// delivered, though nothing else is ever said.
func TestSaidWhileOpened(t *testing.T) {
	delivered := make(chan *broker.Message, 1)
	l := broker.Limits{Capacity: 100, GroupExpiry: 1 << 40, QueueMessages: 1000, QueueBytes: 1 << 20}
	b := open(t, l, broker.Receiver{
		Opened:    func(broker.Group, broker.Position, error) {},
		Published: func([]broker.Outcome) {},
		Deliver:   func(messages []*broker.Message) { delivered <- messages[0] },
	})
	defer b.Close()
	for i := range 2000 {
		g := broker.Group{Hub: "chat", Name: fmt.Sprint(i)}
		b.Subscribe(g)
		if _, err := b.Publish([]broker.Publication{{Message: &broker.Message{Group: g, Data: []byte("x")}}}); err != nil {
			t.Fatal(err)
		}
		select {
		case <-delivered:
		case <-time.After(20 * time.Second):
			t.Fatalf("the message of group %s does not come", g)
		}
	}
}
