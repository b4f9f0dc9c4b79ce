package brokertest

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
)

// Cluster is three masters, and a replica of the first, for one test.
type Cluster struct {
	t       testing.TB
	Masters [3]*Redis
	Replica *Redis
	CA      string // PEM file of the authority, if the servers speak TLS only

	security []string // what they need for that
}

// clusterSlots is how many slots a Cluster has.
const clusterSlots = 16384

// StartCluster starts it, with further options of the servers' command lines. A master
// that is silent for a second and a half is replaced by its replica.
func StartCluster(t testing.TB, args ...string) *Cluster {
	t.Helper()
	c := &Cluster{t: t}
	c.start(args)
	return c
}

// StartSecureCluster starts one whose servers speak TLS only, among each other as well.
func StartSecureCluster(t testing.TB) *Cluster {
	t.Helper()
	a := newAuthority(t, t.TempDir())
	cert, key := a.issue("server")
	c := &Cluster{t: t, CA: a.file, security: []string{"--tls-ca-cert-file", a.file, "--tls-cert-file", cert, "--tls-key-file", key,
		"--tls-auth-clients", "no", "--tls-cluster", "yes", "--tls-replication", "yes"}}
	c.start(nil)
	return c
}

func (c *Cluster) start(args []string) {
	c.t.Helper()
	t := c.t
	for i := range c.Masters {
		c.Masters[i] = c.node(args)
	}
	c.Replica = c.node(args)
	for i, r := range c.Masters {
		first, next := i*clusterSlots/len(c.Masters), (i+1)*clusterSlots/len(c.Masters)
		r.CLI("CLUSTER", "ADDSLOTSRANGE", strconv.Itoa(first), strconv.Itoa(next-1))
		r.CLI("CLUSTER", "SET-CONFIG-EPOCH", strconv.Itoa(i+1))
	}
	c.meet(c.Replica)
	for _, r := range c.Masters[1:] {
		c.meet(r)
	}
	eventually(t, "the replica knows its master", func() bool {
		return strings.HasPrefix(c.Replica.command("CLUSTER", "REPLICATE", c.id(c.Masters[0])), "OK")
	})
	c.settled(4)
	eventually(t, "the replica follows", func() bool {
		return strings.Contains(c.Replica.command("INFO", "replication"), "master_link_status:up")
	})
}

// Join adds a master without a slot, and waits until all know it.
func (c *Cluster) Join(args ...string) *Redis {
	c.t.Helper()
	r := c.node(args)
	c.meet(r)
	eventually(c.t, "the new node knows the others", func() bool {
		about := r.command("CLUSTER", "INFO")
		return strings.Contains(about, "cluster_known_nodes:5") && strings.Contains(about, "cluster_state:ok")
	})
	c.settled(5)
	return r
}

func (c *Cluster) node(args []string) *Redis {
	r := newRedis(c.t)
	r.args = []string{"--port", r.port}
	if c.CA != "" {
		r.args = append([]string{"--port", "0", "--tls-port", r.port}, c.security...)
		r.cli = []string{"--tls", "--cacert", c.CA}
	}
	r.args = append(r.args, "--save", "", "--cluster-enabled", "yes", "--cluster-port", freePort(c.t),
		"--cluster-node-timeout", "1500", "--cluster-require-full-coverage", "no", "--repl-diskless-sync-delay", "0")
	r.args = append(r.args, args...)
	r.begin()
	return r
}

// meet makes a node known to the first master.
func (c *Cluster) meet(r *Redis) {
	bus := strings.Fields(strings.TrimSpace(c.Masters[0].CLI("CONFIG", "GET", "cluster-port")))
	r.CLI("CLUSTER", "MEET", "127.0.0.1", c.Masters[0].port, bus[len(bus)-1])
}

// settled waits until all masters see so many nodes, and all slots served.
func (c *Cluster) settled(nodes int) {
	c.t.Helper()
	eventually(c.t, "the Cluster is complete", func() bool {
		for _, r := range c.Masters {
			about := r.command("CLUSTER", "INFO")
			if !strings.Contains(about, "cluster_state:ok") || !strings.Contains(about, "cluster_slots_ok:16384") || !strings.Contains(about, fmt.Sprintf("cluster_known_nodes:%d\r", nodes)) {
				return false
			}
		}
		return strings.Contains(c.Replica.command("CLUSTER", "INFO"), "cluster_state:ok")
	})
}

func (c *Cluster) id(r *Redis) string { return strings.TrimSpace(r.CLI("CLUSTER", "MYID")) }

// URL names some of its nodes as a broker takes them.
func (c *Cluster) URL() string {
	scheme := "redis"
	if c.CA != "" {
		scheme = "rediss"
	}
	return scheme + "+cluster://" + c.Masters[0].Addr() + "," + c.Masters[1].Addr()
}

// Flush deletes all that is in it.
func (c *Cluster) Flush() {
	c.t.Helper()
	for _, r := range c.Masters {
		r.CLI("FLUSHALL")
	}
}

// Slot is the slot of a key.
func (c *Cluster) Slot(key string) int {
	c.t.Helper()
	slot, err := strconv.Atoi(strings.TrimSpace(c.Masters[1].CLI("CLUSTER", "KEYSLOT", key)))
	if err != nil {
		c.t.Fatal(err)
	}
	return slot
}

// Owner is the master of a slot, as it was when the Cluster was started.
func (c *Cluster) Owner(slot int) *Redis {
	for i, r := range c.Masters {
		if slot < (i+1)*clusterSlots/len(c.Masters) {
			return r
		}
	}
	return nil
}

// Move gives a slot and its keys from one master to another, as resharding does: while
// it is under way some keys are here and some are there.
func (c *Cluster) Move(slot int, from, to *Redis) {
	c.t.Helper()
	c.Begin(slot, from, to)
	c.Finish(slot, from, to)
}

// Begin is the first part of Move: the slot is on its way, with all of its keys.
func (c *Cluster) Begin(slot int, from, to *Redis) {
	c.t.Helper()
	s := strconv.Itoa(slot)
	to.CLI("CLUSTER", "SETSLOT", s, "IMPORTING", c.id(from))
	from.CLI("CLUSTER", "SETSLOT", s, "MIGRATING", c.id(to))
	for {
		keys := strings.Fields(from.CLI("CLUSTER", "GETKEYSINSLOT", s, "10"))
		if len(keys) == 0 {
			return
		}
		for _, key := range keys {
			if out := from.CLI("MIGRATE", "127.0.0.1", to.port, key, "0", "5000"); !strings.HasPrefix(out, "OK") && !strings.HasPrefix(out, "NOKEY") {
				c.t.Fatalf("MIGRATE %s: %s", key, out)
			}
		}
	}
}

// Finish is the other part: all are told.
func (c *Cluster) Finish(slot int, from, to *Redis) {
	c.t.Helper()
	s, id := strconv.Itoa(slot), c.id(to)
	to.CLI("CLUSTER", "SETSLOT", s, "NODE", id)
	from.CLI("CLUSTER", "SETSLOT", s, "NODE", id)
}
