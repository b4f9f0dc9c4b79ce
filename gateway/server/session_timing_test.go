package server

import (
	"testing"

	"github.com/tidegate/tidegate/reactor"
)

// BenchmarkMessage is what the server does with a client's frame before it does what is
// asked for: here nothing, since the client numbers no messages.
func BenchmarkMessage(b *testing.B) {
	n := start(b, 1, 100)
	n.dial("json.webpubsub.azure.v1", "")
	frame := []byte(`{"type":"sequenceAck","sequenceId":17}`)
	done := make(chan struct{})
	b.ReportAllocs()
	if err := n.Workers[0].Post(func(w *reactor.Worker) {
		defer close(done)
		c := w.Conns()[0]
		s := c.Handler().(*session)
		for b.Loop() {
			s.Message(c, frame, false)
		}
	}); err != nil {
		b.Fatal(err)
	}
	<-done
}
