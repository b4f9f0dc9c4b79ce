package brokertest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Sentinel is a master, a replica, and three Sentinels that watch them, for one test.
type Sentinel struct {
	t         testing.TB
	Servers   [2]*Redis // the first is the master in the beginning
	Sentinels [3]*Redis
}

// masterName is what the Sentinels call the master.
const masterName = "mymaster"

// StartSentinel starts them, the servers with further options of their command line. A
// master that is silent for a second is replaced.
func StartSentinel(t testing.TB, args ...string) *Sentinel {
	t.Helper()
	s := &Sentinel{t: t}
	s.Servers[0] = StartRedis(t, append([]string{"--repl-diskless-sync-delay", "0"}, args...)...)
	s.Servers[1] = StartRedis(t, append([]string{"--repl-diskless-sync-delay", "0", "--replicaof", "127.0.0.1 " + s.Servers[0].port}, args...)...)
	for i := range s.Sentinels {
		r := newRedis(t)
		file := filepath.Join(r.dir, "sentinel.conf")
		config := []string{
			"port " + r.port,
			"sentinel monitor " + masterName + " 127.0.0.1 " + s.Servers[0].port + " 2",
			"sentinel down-after-milliseconds " + masterName + " 1000",
			"sentinel failover-timeout " + masterName + " 4000",
			"",
		}
		if err := os.WriteFile(file, []byte(strings.Join(config, "\n")), 0o600); err != nil {
			t.Fatal(err)
		}
		r.args = []string{file, "--sentinel"}
		r.begin()
		s.Sentinels[i] = r
	}
	eventually(t, "the replica and the Sentinels know each other", func() bool {
		for _, r := range s.Sentinels {
			about := r.command("SENTINEL", "MASTER", masterName)
			if field(about, "num-slaves") != "1" || field(about, "num-other-sentinels") != "2" {
				return false
			}
		}
		return strings.Contains(s.Servers[1].command("INFO", "replication"), "master_link_status:up")
	})
	return s
}

// field is the line after a name in what redis-cli prints of a map.
func field(out, name string) string {
	_, after, _ := strings.Cut(out, name+"\n")
	value, _, _ := strings.Cut(after, "\n")
	return value
}

// URL names the Sentinels as a broker takes them.
func (s *Sentinel) URL() string {
	var hosts []string
	for _, r := range s.Sentinels {
		hosts = append(hosts, r.Addr())
	}
	return "redis+sentinel://" + strings.Join(hosts, ",") + "/" + masterName
}

// Master is the server that the Sentinels name.
func (s *Sentinel) Master() *Redis {
	s.t.Helper()
	for _, r := range s.Sentinels {
		out := r.command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", masterName)
		for _, server := range s.Servers {
			if strings.Contains(out, server.port) {
				return server
			}
		}
	}
	s.t.Fatal("no Sentinel names the master")
	return nil
}

// Other is the server that is not r.
func (s *Sentinel) Other(r *Redis) *Redis {
	if r == s.Servers[0] {
		return s.Servers[1]
	}
	return s.Servers[0]
}

// Promoted waits until all Sentinels name r, and r takes writes.
func (s *Sentinel) Promoted(r *Redis) {
	s.t.Helper()
	eventually(s.t, "the other server is the master", func() bool {
		for _, watch := range s.Sentinels {
			if !strings.Contains(watch.command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", masterName), r.port) {
				return false
			}
		}
		return strings.Contains(r.command("INFO", "replication"), "role:master")
	})
}

// Replicating waits until r follows the master.
func (s *Sentinel) Replicating(r *Redis) {
	s.t.Helper()
	eventually(s.t, "the replica follows", func() bool {
		return strings.Contains(r.command("INFO", "replication"), "master_link_status:up")
	})
}
