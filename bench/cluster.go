package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

const (
	clusterMasters = 3
	clusterSlots   = 16384
)

// startCluster starts three masters with a third of the slots each, and waits until
// all of them see the whole.
func (d *Deployment) startCluster(ctx context.Context, args []string) error {
	for i := range clusterMasters {
		bus, err := freePort()
		if err != nil {
			return err
		}
		options := []string{"--cluster-enabled", "yes", "--cluster-node-timeout", "2000", "--cluster-port", strconv.Itoa(bus)}
		if err := d.add(ctx, append(options, args...)...); err != nil {
			return err
		}
		r := d.servers[i]
		first, last := i*clusterSlots/clusterMasters, (i+1)*clusterSlots/clusterMasters-1
		if _, err := r.Ask("CLUSTER", "ADDSLOTSRANGE", strconv.Itoa(first), strconv.Itoa(last)); err != nil {
			return err
		}
		if _, err := r.Ask("CLUSTER", "SET-CONFIG-EPOCH", strconv.Itoa(i+1)); err != nil {
			return err
		}
		if i == 0 {
			continue
		}
		if _, err := d.servers[0].Ask("CLUSTER", "MEET", "127.0.0.1", strconv.Itoa(r.port), strconv.Itoa(bus)); err != nil {
			return err
		}
	}
	return until(ctx, redisPatience, "the cluster is whole", d.whole)
}

// whole is nil once every master sees every slot served and every other master.
func (d *Deployment) whole() error {
	for _, r := range d.servers {
		info, err := r.Ask("CLUSTER", "INFO")
		if err != nil {
			return err
		}
		for _, want := range []string{"cluster_state:ok", fmt.Sprintf("cluster_known_nodes:%d", clusterMasters)} {
			if !strings.Contains(info.(string), want) {
				return fmt.Errorf("%s has no %s", r.Addr(), want)
			}
		}
	}
	return nil
}

// Move has the slot of a key go to the next master, as redis-cli --cluster reshard
// does it: announced on both sides, key by key, and then told to all.
func (d *Deployment) Move(key string) error {
	slot, err := d.slot(key)
	if err != nil {
		return err
	}
	from, err := d.owner(slot)
	if err != nil {
		return err
	}
	source, target := d.servers[from], d.servers[(from+1)%len(d.servers)]
	sourceID, err1 := source.Ask("CLUSTER", "MYID")
	targetID, err2 := target.Ask("CLUSTER", "MYID")
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	if _, err := target.Ask("CLUSTER", "SETSLOT", slot, "IMPORTING", sourceID.(string)); err != nil {
		return err
	}
	if _, err := source.Ask("CLUSTER", "SETSLOT", slot, "MIGRATING", targetID.(string)); err != nil {
		return err
	}
	if err := migrate(source, target, slot); err != nil {
		return err
	}
	// First to the new owner: were it the other way, nobody would own it for a while.
	all := []*RedisServer{target, source, d.servers[(from+2)%len(d.servers)]}
	return until(context.Background(), redisPatience, "all know who serves slot "+slot, func() error {
		return errors.Join(give(all, slot, targetID.(string)), agreed(all, slot, targetID.(string)), sameEpoch(all))
	})
}

// give tells each server that does not know it yet who serves a slot.
func give(all []*RedisServer, slot, id string) error {
	for _, r := range all {
		if agreed([]*RedisServer{r}, slot, id) == nil {
			continue
		}
		if _, err := r.Ask("CLUSTER", "SETSLOT", slot, "NODE", id); err != nil {
			return err
		}
	}
	return nil
}

// agreed is nil if all servers say that the one with this id serves the slot.
func agreed(all []*RedisServer, slot, id string) error {
	for _, r := range all {
		nodes, err := r.Ask("CLUSTER", "NODES")
		if err != nil {
			return err
		}
		if !serves(lineOf(nodes.(string), id), slot) {
			return fmt.Errorf("%s does not know it", r.Addr())
		}
	}
	return nil
}

// sameEpoch is nil if all servers are at one epoch. A move makes a new one; if two made
// the same at different servers, one of the moves would be undone.
func sameEpoch(all []*RedisServer) error {
	epochs := map[string]bool{}
	for _, r := range all {
		info, err := r.Ask("CLUSTER", "INFO")
		if err != nil {
			return err
		}
		_, after, _ := strings.Cut(info.(string), "cluster_current_epoch:")
		epoch, _, _ := strings.Cut(after, "\r\n")
		epochs[epoch] = true
	}
	if len(epochs) > 1 {
		return fmt.Errorf("they are at %d epochs", len(epochs))
	}
	return nil
}

// lineOf is the line of CLUSTER NODES about the server with an id, or about "myself". Ids
// also stand in other lines, of slots that are on their way.
func lineOf(nodes, who string) string {
	for line := range strings.SplitSeq(nodes, "\n") {
		f := strings.Fields(line)
		if len(f) > 2 && (f[0] == who || strings.HasPrefix(f[2], who)) {
			return line
		}
	}
	return ""
}

// slot is the slot of a key, in digits.
func (d *Deployment) slot(key string) (string, error) {
	n, err := d.servers[0].Ask("CLUSTER", "KEYSLOT", key)
	return fmt.Sprint(n), err
}

// owner is which of the masters serves a slot.
func (d *Deployment) owner(slot string) (int, error) {
	for i, r := range d.servers {
		nodes, err := r.Ask("CLUSTER", "NODES")
		if err != nil {
			return 0, err
		}
		if serves(lineOf(nodes.(string), "myself"), slot) {
			return i, nil
		}
	}
	return 0, fmt.Errorf("nobody serves slot %s", slot)
}

// serves reports whether a line of CLUSTER NODES has the slot: after eight fields,
// single slots and ranges.
func serves(line, slot string) bool {
	want, _ := strconv.Atoi(slot)
	fields := strings.Fields(line)
	for _, f := range fields[min(8, len(fields)):] {
		first, last, ok := strings.Cut(f, "-")
		if !ok {
			last = first
		}
		low, err1 := strconv.Atoi(first)
		high, err2 := strconv.Atoi(last)
		if err1 == nil && err2 == nil && low <= want && want <= high {
			return true
		}
	}
	return false
}

// migrate moves the keys of a slot.
func migrate(source, target *RedisServer, slot string) error {
	for {
		answer, err := source.Ask("CLUSTER", "GETKEYSINSLOT", slot, "100")
		if err != nil {
			return err
		}
		keys, _ := answer.([]any)
		if len(keys) == 0 {
			return nil
		}
		move := []string{"MIGRATE", "127.0.0.1", strconv.Itoa(target.port), "", "0", "5000", "KEYS"}
		for _, k := range keys {
			move = append(move, k.(string))
		}
		if _, err := source.Ask(move...); err != nil {
			return err
		}
	}
}
