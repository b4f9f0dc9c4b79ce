package main

import (
	"testing"
	"time"

	"github.com/tidegate/tidegate/broker/brokertest"
)

// BenchmarkCloseUser is the time from the application's request until every connection of a
// user, a hundred on each of three nodes, has got its close frame.
func BenchmarkCloseUser(b *testing.B) {
	flags := []string{"--set", "keys=" + accessKey, "--broker", brokertest.StartRedis(b).URL()}
	nodes := []*process{spawn(b, flags...), spawn(b, flags...), spawn(b, flags...)}
	var answered, closed time.Duration
	for b.Loop() {
		b.StopTimer()
		var clients []*client
		for _, n := range nodes {
			for range 100 {
				clients = append(clients, n.as("ann"))
			}
		}
		b.StartTimer()
		began := time.Now()
		nodes[0].orders(204, "POST", "users/ann/:closeConnections")
		answered += time.Since(began)
		for _, c := range clients {
			c.closedWith()
			c.conn.Close()
		}
		closed += time.Since(began)
	}
	b.ReportMetric(float64(answered.Microseconds())/1000/float64(b.N), "ms/answer")
	b.ReportMetric(float64(closed.Microseconds())/1000/float64(b.N), "ms/closed")
}
