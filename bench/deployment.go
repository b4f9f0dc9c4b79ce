package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Layouts of Redis, as people run it.
const (
	standalone = "standalone"
	sentinel   = "sentinel" // one master, one replica, three sentinels
	cluster    = "cluster"  // three masters
)

// monitored is the name that the sentinels know their master by.
const monitored = "tidegate"

// Deployment is the Redis of a trial: fresh servers in a folder of its own. One
// goroutine at a time.
type Deployment struct {
	kind      string
	dir       string
	servers   []*RedisServer // that hold data; the first was the master at the start
	sentinels []*RedisServer
}

// deploy starts the servers of a kind and waits until they work together. args are
// further options of those that hold data. The caller closes it.
func deploy(ctx context.Context, kind string, args ...string) (*Deployment, error) {
	dir, err := os.MkdirTemp("", "tidegate-bench-")
	if err != nil {
		return nil, err
	}
	d := &Deployment{kind: kind, dir: dir}
	switch kind {
	case sentinel:
		err = d.startSentinels(ctx, args)
	case cluster:
		err = d.startCluster(ctx, args)
	default:
		err = d.add(ctx, args...)
	}
	if err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// add starts one more server for data.
func (d *Deployment) add(ctx context.Context, args ...string) error {
	r, err := startRedis(ctx, d.dir, args...)
	if r != nil {
		d.servers = append(d.servers, r)
	}
	return err
}

// URL is how a gateway names it.
func (d *Deployment) URL() string {
	switch d.kind {
	case sentinel:
		return "redis+sentinel://" + addresses(d.sentinels) + "/" + monitored
	case cluster:
		return "redis+cluster://" + addresses(d.servers)
	}
	return "redis://" + d.servers[0].Addr() + "/0"
}

// addresses are those of the servers, with commas.
func addresses(servers []*RedisServer) string {
	var all []string
	for _, r := range servers {
		all = append(all, r.Addr())
	}
	return strings.Join(all, ",")
}

// Each puts one command to every server that holds data and runs. Replicas refuse to
// write, which is no error here.
func (d *Deployment) Each(args ...string) error {
	var errs []error
	for _, r := range d.servers {
		var said redisError
		if _, err := r.Ask(args...); r.cmd != nil && !errors.As(err, &said) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// cut ends all connections of these types, as CLIENT KILL knows them.
func (d *Deployment) cut(types []string) error {
	var errs []error
	for _, kind := range types {
		errs = append(errs, d.Each("CLIENT", "KILL", "TYPE", kind))
	}
	return errors.Join(errs...)
}

// Ask puts one command about a key to the server that is in charge of it.
func (d *Deployment) Ask(args ...string) (any, error) {
	master, err := d.Master()
	if err != nil {
		return nil, err
	}
	return master.Ask(args...)
}

// Master is the server that takes writes. With sentinels it is the one that they
// name: the old one may still think that it is. In a cluster any of them, which knows
// the right one.
func (d *Deployment) Master() (*RedisServer, error) {
	if d.kind != sentinel {
		return d.servers[0], nil
	}
	var errs []error
	for _, s := range d.sentinels {
		answer, err := s.Ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", monitored)
		errs = append(errs, err)
		where, _ := answer.([]any)
		if i := slices.IndexFunc(d.servers, func(r *RedisServer) bool { return len(where) == 2 && where[1] == strconv.Itoa(r.port) }); i >= 0 {
			return d.servers[i], nil
		}
	}
	return nil, fmt.Errorf("no sentinel of %s names a master: %w", addresses(d.sentinels), errors.Join(errs...))
}

// Close ends all servers and removes their files.
func (d *Deployment) Close() error {
	var errs []error
	for _, r := range append(d.sentinels, d.servers...) {
		errs = append(errs, r.Kill())
	}
	return errors.Join(append(errs, os.RemoveAll(d.dir))...)
}

// startSentinels starts a master, its replica and three sentinels, and waits until
// these know each other: until then none of them would fail over.
func (d *Deployment) startSentinels(ctx context.Context, args []string) error {
	if err := d.add(ctx, args...); err != nil {
		return err
	}
	master := d.servers[0]
	follow := append([]string{"--replicaof", fmt.Sprintf("127.0.0.1 %d", master.port)}, args...)
	if err := d.add(ctx, follow...); err != nil {
		return err
	}
	for range 3 {
		s, err := newRedis(d.dir, "--sentinel")
		if err != nil {
			return err
		}
		s.file = filepath.Join(s.dir, "sentinel.conf")
		settings := fmt.Sprintf("port %d\nbind 127.0.0.1\ndir %s\nlogfile %s\n"+
			"sentinel monitor %[4]s 127.0.0.1 %[5]d 2\nsentinel down-after-milliseconds %[4]s 1500\nsentinel failover-timeout %[4]s 5000\n",
			s.port, s.dir, s.log(), monitored, master.port)
		if err := os.WriteFile(s.file, []byte(settings), 0o600); err != nil {
			return err
		}
		d.sentinels = append(d.sentinels, s)
		if err := s.Start(ctx); err != nil {
			return err
		}
	}
	return until(ctx, redisPatience, "the sentinels know each other and the replica", d.guarded)
}

// guarded is nil once the master has a replica in step and each sentinel knows all.
func (d *Deployment) guarded() error {
	replica, err := d.servers[1].Ask("INFO", "replication")
	if err != nil {
		return err
	}
	if !strings.Contains(replica.(string), "master_link_status:up") {
		return errors.New("the replica is not in step")
	}
	for _, s := range d.sentinels {
		about, err := s.Ask("SENTINEL", "MASTER", monitored)
		if err != nil {
			return err
		}
		if got := namedValues(about); got["num-other-sentinels"] != "2" || got["num-slaves"] != "1" || got["flags"] != "master" {
			return fmt.Errorf("a sentinel knows %s others, %s replicas, and the master is %s", got["num-other-sentinels"], got["num-slaves"], got["flags"])
		}
	}
	return nil
}

// namedValues reads an array of names and values.
func namedValues(answer any) map[string]string {
	list, _ := answer.([]any)
	m := make(map[string]string, len(list)/2)
	for i := 0; i+1 < len(list); i += 2 {
		m[fmt.Sprint(list[i])] = fmt.Sprint(list[i+1])
	}
	return m
}
