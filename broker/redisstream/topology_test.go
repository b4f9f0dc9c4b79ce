package redisstream

import (
	"testing"

	"github.com/tidegate/tidegate/broker"
	"github.com/tidegate/tidegate/broker/brokertest"
)

// suite is all that a broker must do, on what a URL names.
func suite(t *testing.T, url string, flush func()) {
	another := func(t testing.TB, l broker.Limits, r broker.Receiver) broker.Broker {
		return open(t, url, l, r)
	}
	brokertest.Run(t, brokertest.Suite{
		New: func(t testing.TB, l broker.Limits, r broker.Receiver) broker.Broker {
			flush()
			return another(t, l, r)
		},
		Another: another,
	})
}

func TestBroker(t *testing.T) {
	redis := brokertest.StartRedis(t)
	suite(t, redis.URL(), func() { redis.CLI("FLUSHALL") })
}

func TestSentinelBroker(t *testing.T) {
	s := brokertest.StartSentinel(t)
	suite(t, s.URL(), func() { s.Servers[0].CLI("FLUSHALL") })
}

func TestClusterBroker(t *testing.T) {
	c := brokertest.StartCluster(t)
	suite(t, c.URL(), c.Flush)
}
