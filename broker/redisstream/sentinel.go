package redisstream

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

// sentinels are asked which server is the master. All of them are: one that is cut off
// from the others does not know of a failover, and says so by its epoch.
type sentinels struct {
	name    string
	clients []*redis.SentinelClient
}

func newSentinels(t *target) *sentinels {
	s := &sentinels{name: t.name}
	for _, addr := range t.seeds {
		o := *t.sentinels
		o.Addr, o.PoolSize = addr, 2
		s.clients = append(s.clients, redis.NewSentinelClient(&o))
	}
	return s
}

// verdict is one Sentinel's answer.
type verdict struct {
	addr  string
	epoch uint64 // of the failover that made it the master
	err   error
}

// straggler is how long the other Sentinels are waited for when one has answered.
const straggler = 200 * time.Millisecond

// find is the master that the Sentinel with the latest news names.
func (s *sentinels) find(ctx context.Context) ([]span, error) {
	answers := make(chan verdict, len(s.clients))
	for _, c := range s.clients {
		go func() { answers <- s.ask(ctx, c) }()
	}
	var best verdict
	var late <-chan time.Time
	for range s.clients {
		select {
		case v := <-answers:
			switch {
			case v.err != nil && best.addr == "":
				best.err = v.err
			case v.err == nil && (best.addr == "" || v.epoch > best.epoch):
				best = v
			}
		case <-late:
			return s.span(best)
		}
		if best.addr != "" && late == nil {
			late = time.After(straggler)
		}
	}
	return s.span(best)
}

func (s *sentinels) span(v verdict) ([]span, error) {
	if v.addr == "" {
		return nil, fmt.Errorf("redisstream: no Sentinel knows the master %q: %w", s.name, v.err)
	}
	return []span{{addr: v.addr}}, nil
}

// ask asks one of them. The address of its own is that of the server which is being
// promoted, if this one leads a failover; that of the other command would be older.
func (s *sentinels) ask(ctx context.Context, c *redis.SentinelClient) verdict {
	addr, err := c.GetMasterAddrByName(ctx, s.name).Result()
	if errors.Is(err, redis.Nil) {
		err = errors.New("it monitors none of this name")
	}
	if err == nil && len(addr) != 2 {
		err = errors.New("its answer is not an address")
	}
	if err != nil {
		return verdict{err: err}
	}
	about, err := c.Master(ctx, s.name).Result()
	if err != nil {
		return verdict{err: err}
	}
	epoch, _ := strconv.ParseUint(about["config-epoch"], 10, 64)
	return verdict{addr: net.JoinHostPort(addr[0], addr[1]), epoch: epoch}
}

func (s *sentinels) close() (err error) {
	for _, c := range s.clients {
		err = errors.Join(err, c.Close())
	}
	return err
}
