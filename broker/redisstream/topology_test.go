package redisstream

import (
	"strings"
	"testing"
	"time"

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
	t.Parallel()
	s := brokertest.StartSentinel(t)
	suite(t, s.URL(), func() { s.Servers[0].CLI("FLUSHALL") })
}

func TestClusterBroker(t *testing.T) {
	t.Parallel()
	c := brokertest.StartCluster(t)
	suite(t, c.URL(), c.Flush)
}

// TestEverythingCut: what TestConnectionsCut does to one server is done to all.
func TestEverythingCut(t *testing.T) {
	times := 5
	if *long {
		times = 100
	}
	t.Run("sentinel", func(t *testing.T) {
		t.Parallel()
		s := brokertest.StartSentinel(t)
		cut(startLoad(t, s.URL(), 4, time.Millisecond), times, s.Servers[0])
	})
	t.Run("cluster", func(t *testing.T) {
		t.Parallel()
		c := brokertest.StartCluster(t)
		cut(startLoad(t, c.URL(), 12, time.Millisecond), times, c.Masters[:]...)
	})
}

// TestSentinelsAway: without Sentinels the master that is known goes on; that none knows
// the master's name is told.
func TestSentinelsAway(t *testing.T) {
	t.Parallel()
	s := brokertest.StartSentinel(t)
	stranger := openWith(t, Config{URL: strings.Replace(s.URL(), "mymaster", "other", 1), Receiver: newReader().receiver()})
	if err := stranger.Ready(); err == nil || !strings.Contains(err.Error(), `no Sentinel knows the master "other"`) {
		t.Errorf("a name that no Sentinel knows: %v", err)
	}
	r := newReader()
	b := openWith(t, Config{URL: s.URL(), Receiver: r.receiver()})
	passes(t, b, r)
	for _, watch := range s.Sentinels {
		watch.Kill()
	}
	eventually(t, "that is noticed", func() bool {
		return strings.Contains((*b.nowhere.wrong.Load()).Error(), "no Sentinel")
	})
	if err := publish(t, b, "hello"); err != nil || b.Ready() != nil {
		t.Errorf("without Sentinels: %v, %v", err, b.Ready())
	}
}

// TestSentinelFaults: the master is killed, stands still, is demoted; every message
// that was acked is delivered or announced as lost, and both nodes hear again without
// anybody's doing.
func TestSentinelFaults(t *testing.T) {
	for name, fault := range map[string]func(t *testing.T, s *brokertest.Sentinel, l *load){
		"Kill": func(_ *testing.T, s *brokertest.Sentinel, _ *load) {
			was := s.Master()
			was.Kill()
			s.Promoted(s.Other(was))
			was.Restart()
		},
		"Stop": func(_ *testing.T, s *brokertest.Sentinel, l *load) {
			was := s.Master()
			was.Stop()
			s.Promoted(s.Other(was))
			l.flowing() // to and from the new master, while the old one still stands
			was.Continue()
			if *long {
				s.Replicating(was)
			}
		},
		"Failover": func(_ *testing.T, s *brokertest.Sentinel, _ *load) {
			was := s.Master()
			s.Sentinels[0].CLI("SENTINEL", "FAILOVER", "mymaster")
			s.Promoted(s.Other(was))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := brokertest.StartSentinel(t)
			l := startLoad(t, s.URL(), 6, 2*time.Millisecond)
			fault(t, s, l)
			l.flowing()
			l.finish()
		})
	}
}

// TestClusterFaults: slots go from master to master while messages flow through the
// groups that are in them, and nothing is lost; a master is replaced by its replica, and
// what was acked is delivered or announced as lost.
func TestClusterFaults(t *testing.T) {
	for name, fault := range map[string]func(t *testing.T, c *brokertest.Cluster, l *load) (lossless bool){
		"Reshard": reshard,
		"Join":    join,
		"Failover": func(t *testing.T, c *brokertest.Cluster, _ *load) bool {
			c.Replica.CLI("CLUSTER", "FAILOVER")
			promoted(t, c)
			return true
		},
		"Kill": func(t *testing.T, c *brokertest.Cluster, l *load) bool {
			c.Masters[0].Kill()
			promoted(t, c)
			l.flowing()
			c.Masters[0].Restart()
			return false
		},
		"Stop": func(t *testing.T, c *brokertest.Cluster, l *load) bool {
			c.Masters[0].Stop()
			promoted(t, c)
			l.flowing()
			c.Masters[0].Continue()
			return false
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := brokertest.StartCluster(t)
			l := startLoad(t, c.URL(), 12, 2*time.Millisecond)
			lossless := fault(t, c, l)
			l.flowing()
			if announced := l.finish(); lossless && announced > 0 {
				t.Error("nothing was lost, and yet it was announced")
			}
		})
	}
}

// promoted waits until the first master's replica has its slots.
func promoted(t *testing.T, c *brokertest.Cluster) {
	t.Helper()
	eventually(t, "the replica is promoted", func() bool {
		return strings.Contains(c.Replica.CLI("INFO", "replication"), "role:master")
	})
}

// reshard moves the slots of all groups to another master, one after the other, and
// back.
func reshard(_ *testing.T, c *brokertest.Cluster, l *load) bool {
	rounds := 1
	if *long {
		rounds = 5
	}
	for range rounds {
		for _, g := range l.groups {
			slot := c.Slot(l.nodes[0].key(g))
			from := c.Owner(slot)
			to := c.Masters[0]
			if from == to {
				to = c.Masters[1]
			}
			c.Move(slot, from, to)
			c.Move(slot, to, from)
		}
	}
	return true
}

// join gives slots to a node that has none yet, and stops half way for a while: the
// keys are there, and the slot is not.
func join(_ *testing.T, c *brokertest.Cluster, l *load) bool {
	stranger := c.Join()
	for _, g := range l.groups[:3] {
		slot := c.Slot(l.nodes[0].key(g))
		c.Begin(slot, c.Owner(slot), stranger)
		l.flowing()
		l.flowing()
		c.Finish(slot, c.Owner(slot), stranger)
	}
	return true
}
