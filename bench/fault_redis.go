package main

import (
	"context"
	"fmt"
	"time"
)

// sentinelFaults are those of a Redis with sentinels.
func sentinelFaults() []Fault {
	return []Fault{
		{name: "sentinel-kill", about: "kill -9 of the master, and the replica takes over", kind: sentinel, rewinds: true, play: masterKill},
		{name: "sentinel-stop", about: "the master stands still for 7 s, and the replica takes over", kind: sentinel, rewinds: true, play: masterStop},
		{name: "sentinel-failover", about: "SENTINEL FAILOVER", kind: sentinel, rewinds: true, play: failover},
	}
}

// clusterFaults are those of a Redis Cluster.
func clusterFaults() []Fault {
	return []Fault{
		{name: "reshard", about: "the slots of all groups move to other masters, again and again", kind: cluster, play: reshard},
		{name: "cluster-kill", about: "a master without a file is killed and comes back empty", kind: cluster, rewinds: true, play: killing(0)},
	}
}

// promoted waits until a server other than r takes writes.
func (t *Trial) promoted(ctx context.Context, r *RedisServer) error {
	return until(ctx, redisPatience, "the replica is the master", func() error {
		for _, other := range t.redis.servers {
			if other == r {
				continue
			}
			answer, err := other.Ask("ROLE")
			if err != nil {
				return err
			}
			if role, ok := answer.([]any); ok && len(role) > 0 && role[0] == "master" {
				return nil
			}
		}
		return fmt.Errorf("%s still is", r.Addr())
	})
}

// masterKill kills the master for good; it comes back as a replica.
func masterKill(ctx context.Context, t *Trial) error {
	t.moment(ctx, t.o.duration/2)
	r := t.redis.servers[0]
	if err := r.Kill(); err != nil {
		return err
	}
	t.cure()
	if err := t.promoted(ctx, r); err != nil {
		return err
	}
	pause(ctx, 2*time.Second)
	return r.Start(ctx)
}

// masterStop has the master stand still until the replica has taken over.
func masterStop(ctx context.Context, t *Trial) error {
	t.moment(ctx, t.o.duration/2)
	r := t.redis.servers[0]
	if err := r.Stop(); err != nil {
		return err
	}
	t.cure()
	began := time.Now()
	if err := t.promoted(ctx, r); err != nil {
		return err
	}
	pause(ctx, 7*time.Second-time.Since(began))
	return r.Continue()
}

// failover asks a sentinel for it.
func failover(ctx context.Context, t *Trial) error {
	t.moment(ctx, t.o.duration/2)
	r := t.redis.servers[0]
	if _, err := t.redis.sentinels[0].Ask("SENTINEL", "FAILOVER", monitored); err != nil {
		return err
	}
	t.cure()
	return t.promoted(ctx, r)
}

// reshard moves the slot of each group in turn.
func reshard(ctx context.Context, t *Trial) error {
	moves := max(t.o.strikes, t.o.groups)
	for i := range moves {
		pause(ctx, t.o.duration/time.Duration(moves))
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := t.redis.Move(t.key(i % t.o.groups)); err != nil {
			return err
		}
		t.cure()
	}
	return nil
}
