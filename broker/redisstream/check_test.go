package redisstream

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tidegate/tidegate/broker"
	"github.com/tidegate/tidegate/broker/brokertest"
)

// aof is a Redis that writes down what it is told.
var aof = []string{"--appendonly", "yes", "--appendfsync", "everysec"}

// scenarios are the faults that the checker goes through.
var scenarios = []struct {
	name   string
	redis  []string
	limits func(*broker.Limits)
	before func(*checker)
	fault  func(*checker, *rand.Rand)
}{
	{name: "none", fault: func(*checker, *rand.Rand) {}},
	{name: "connections cut", fault: func(c *checker, r *rand.Rand) {
		for range 8 {
			c.redis.CLI("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
			c.redis.CLI("CLIENT", "KILL", "TYPE", "pubsub")
			wait(r, 150*time.Millisecond)
		}
	}},
	{name: "doorbells cut", fault: func(c *checker, r *rand.Rand) {
		for range 8 {
			c.redis.CLI("CLIENT", "KILL", "TYPE", "pubsub")
			wait(r, 150*time.Millisecond)
		}
	}},
	{name: "killed, nothing kept", fault: (*checker).restart},
	{name: "killed, AOF", redis: aof, fault: (*checker).restart},
	{name: "killed, AOF truncated", redis: aof, fault: (*checker).truncate},
	{name: "ids go back", before: (*checker).future, fault: (*checker).restart},
	{name: "FLUSHALL", fault: func(c *checker, r *rand.Rand) {
		for range 3 {
			c.redis.CLI("FLUSHALL")
			wait(r, 300*time.Millisecond)
		}
	}},
	{name: "all deleted, doorbells cut", fault: func(c *checker, r *rand.Rand) {
		c.redis.CLI("EVAL", "for _, k in ipairs(redis.call('KEYS', '*')) do redis.call('DEL', k) end", "0")
		c.redis.CLI("CLIENT", "KILL", "TYPE", "pubsub")
	}},
	{name: "groups evicted", fault: func(c *checker, r *rand.Rand) {
		for range 20 {
			c.redis.CLI("DEL", c.stations[0].broker.key(c.groups[r.IntN(len(c.groups))]))
			wait(r, 50*time.Millisecond)
		}
	}},
	{name: "stopped", fault: func(c *checker, r *rand.Rand) {
		c.redis.Stop()
		time.Sleep(4 * time.Second)
		c.redis.Continue()
	}},
	{name: "small capacity", redis: []string{"--stream-node-max-entries", "10"},
		limits: func(l *broker.Limits) { l.Capacity = 10 },
		before: func(c *checker) { c.rate = 5 * time.Millisecond },
		fault:  func(*checker, *rand.Rand) {}},
}

// TestChecker lets clients come and go while messages flow, under each fault in turn.
// With TIDEGATE_CHECK_ROUNDS it does so more than once.
func TestChecker(t *testing.T) {
	first, rounds := seed(t), 1
	if n, err := strconv.Atoi(os.Getenv("TIDEGATE_CHECK_ROUNDS")); err == nil {
		rounds = n
	}
	for round := range rounds {
		for i, s := range scenarios {
			t.Run(fmt.Sprintf("%s/%d", s.name, round), func(t *testing.T) {
				t.Parallel()
				l := limits()
				if s.limits != nil {
					s.limits(&l)
				}
				redis := brokertest.StartRedis(t, s.redis...)
				c := newChecker(t, first+uint64(round*len(scenarios)+i), redis.URL(), l)
				c.redis = redis
				if s.before != nil {
					s.before(c)
				}
				c.run(s.fault)
			})
		}
	}
}

// TestCheckerSentinel does so while a replica takes over, which may lack what was acked
// last. Without -long it is only the failover that is asked for, since that is when it does.
func TestCheckerSentinel(t *testing.T) {
	first, rounds := seed(t), 1
	if n, err := strconv.Atoi(os.Getenv("TIDEGATE_CHECK_ROUNDS")); err == nil {
		rounds = n
	}
	faults := map[string]func(*testing.T, *brokertest.Sentinel){
		"failover": func(_ *testing.T, s *brokertest.Sentinel) { s.Sentinels[0].CLI("SENTINEL", "FAILOVER", "mymaster") },
	}
	if *long {
		faults["killed"] = func(_ *testing.T, s *brokertest.Sentinel) { s.Servers[0].Kill() }
		faults["stopped"] = func(t *testing.T, s *brokertest.Sentinel) {
			s.Servers[0].Stop()
			t.Cleanup(s.Servers[0].Continue)
		}
	}
	for round := range rounds {
		for name, fault := range faults {
			t.Run(fmt.Sprintf("%s/%d", name, round), func(t *testing.T) {
				t.Parallel()
				s := brokertest.StartSentinel(t)
				c := newChecker(t, first+uint64(round), s.URL(), limits())
				c.rate = 10 * time.Millisecond
				c.run(func(*checker, *rand.Rand) {
					fault(t, s)
					s.Promoted(s.Servers[1])
				})
			})
		}
	}
}

// TestCheckerCluster does so while a Cluster's replica takes over; without -long, only
// when it is asked to.
func TestCheckerCluster(t *testing.T) {
	first := seed(t)
	faults := map[string]func(*brokertest.Cluster){
		"failover": func(c *brokertest.Cluster) { c.Replica.CLI("CLUSTER", "FAILOVER") },
	}
	if *long {
		faults["killed"] = func(c *brokertest.Cluster) { c.Masters[0].Kill() }
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cluster := brokertest.StartCluster(t)
			c := newChecker(t, first, cluster.URL(), limits())
			c.rate = 10 * time.Millisecond
			c.run(func(*checker, *rand.Rand) {
				fault(cluster)
				promoted(t, cluster)
			})
		})
	}
}

// wait waits for up to d.
func wait(r *rand.Rand, d time.Duration) { time.Sleep(time.Duration(r.Int64N(int64(d)))) }

// restart kills Redis and starts it again a moment later.
func (c *checker) restart(r *rand.Rand) {
	c.redis.Kill()
	wait(r, time.Second)
	c.redis.Restart()
}

// truncate does so, and cuts off the end of what Redis has written down.
func (c *checker) truncate(r *rand.Rand) {
	dir := strings.TrimSpace(strings.TrimPrefix(c.redis.CLI("CONFIG", "GET", "dir"), "dir\n"))
	c.redis.Kill()
	files, err := filepath.Glob(filepath.Join(dir, "appendonlydir", "*.incr.aof"))
	if err != nil || len(files) != 1 {
		c.t.Fatalf("append-only files: %v, %v", files, err)
	}
	info, err := os.Stat(files[0])
	if err != nil {
		c.t.Fatal(err)
	}
	cut := min(info.Size()/2, 500+r.Int64N(20_000))
	if err := os.Truncate(files[0], info.Size()-cut); err != nil {
		c.t.Fatal(err)
	}
	wait(r, time.Second)
	c.redis.Restart()
}

// future has every group begin an hour ahead.
func (c *checker) future() {
	at := time.Now().Add(time.Hour).UnixMilli()
	for _, g := range c.groups {
		c.redis.CLI("XADD", c.stations[0].broker.key(g), fmt.Sprintf("%d-0", at), fieldData, "-1", fieldType, "text")
	}
}
