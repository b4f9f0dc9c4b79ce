package redisstream

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"
)

// cluster is how a Cluster is spoken to where no message is written or read: for
// single commands, and for the question which master has which slots.
type cluster struct {
	broker *Broker
	client *redis.ClusterClient // knows the way for single commands, and finds nodes when no master answers
	seeds  []string
}

func newCluster(b *Broker, t *target) *cluster {
	o := t.options
	return &cluster{broker: b, seeds: t.seeds, client: redis.NewClusterClient(&redis.ClusterOptions{
		Addrs: t.seeds, Username: o.Username, Password: o.Password, TLSConfig: o.TLSConfig, Protocol: o.Protocol,
		DialTimeout: timeout, ReadTimeout: timeout, WriteTimeout: timeout, PoolTimeout: timeout,
		DialerRetries: o.DialerRetries, ContextTimeoutEnabled: true, DisableIdentity: true, PoolSize: o.PoolSize,
		MaintNotificationsConfig: o.MaintNotificationsConfig,
		// It asks anew when the layout changes (arrange); this is for an answer that was old.
		ClusterStateReloadInterval: 5 * time.Second,
		NewClient: func(o *redis.Options) *redis.Client {
			o.Limiter = clusterLimiter{b, o.Addr}
			return redis.NewClient(o)
		},
	})}
}

// opinions is how many masters are asked: more than one, since one that was away for a
// while may not know yet that it has been replaced, and few, since the answer is long.
const opinions = 3

// find is the slots as most of the masters see them that were asked.
func (c *cluster) find(ctx context.Context) ([]span, error) {
	masters := slices.Clone(c.broker.layout.Load().masters)
	masters = slices.DeleteFunc(masters, func(m *master) bool { return m.addr == "" || m.pulse.silent.Load() })
	rand.Shuffle(len(masters), func(i, j int) { masters[i], masters[j] = masters[j], masters[i] })
	answers := make(chan []span, opinions)
	asked := masters[:min(len(masters), opinions)]
	for _, m := range asked {
		go func() {
			spans, _ := ask(ctx, m.client, m.addr)
			answers <- spans
		}()
	}
	var views [][]span
	for range asked {
		if spans := <-answers; len(spans) > 0 {
			views = append(views, spans)
		}
	}
	if len(views) == 0 {
		spans, err := ask(ctx, c.client, c.seeds[0])
		if err == nil && len(spans) == 0 {
			err = errors.New("no slot is served")
		}
		if err != nil {
			return nil, fmt.Errorf("redisstream: no node of the Cluster says who has which slots: %w", err)
		}
		views = append(views, spans)
	}
	return majority(views), nil
}

// ask asks one node.
func ask(ctx context.Context, c redis.Cmdable, origin string) ([]span, error) {
	answer, err := c.ClusterSlots(ctx).Result()
	if err != nil {
		return nil, err
	}
	var spans []span
	for _, s := range answer {
		if len(s.Nodes) > 0 && s.Start >= 0 && s.End < slots {
			spans = append(spans, span{uint16(s.Start), uint16(s.End), reachable(s.Nodes[0].Addr, origin)})
		}
	}
	slices.SortFunc(spans, func(a, b span) int { return int(a.first) - int(b.first) })
	return spans, nil
}

// reachable is an address as we reach it. A node that does not know its own says none,
// or one that is good on its own machine only; then it is where we have asked.
func reachable(addr, origin string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	originHost, originPort, _ := net.SplitHostPort(origin)
	ip, originIP := net.ParseIP(host), net.ParseIP(originHost)
	if host == "" || host == "?" || ip != nil && ip.IsLoopback() && originHost != "localhost" && (originIP == nil || !originIP.IsLoopback()) {
		host = originHost
	}
	if port == "0" {
		port = originPort
	}
	return net.JoinHostPort(host, port)
}

// majority gives each slot to the master that most views have it at.
func majority(views [][]span) []span {
	same := true
	for _, v := range views {
		same = same && slices.Equal(v, views[0])
	}
	if same {
		return views[0]
	}
	spread := make([][]string, len(views))
	for i, v := range views {
		spread[i] = make([]string, slots)
		for _, s := range v {
			for slot := int(s.first); slot <= int(s.last); slot++ {
				spread[i][slot] = s.addr
			}
		}
	}
	var all []span
	for slot := range slots {
		addr := spread[0][slot]
		if len(spread) > 2 && spread[1][slot] == spread[2][slot] {
			addr = spread[1][slot]
		}
		switch n := len(all); {
		case addr == "":
		case n > 0 && all[n-1].addr == addr && int(all[n-1].last) == slot-1:
			all[n-1].last = uint16(slot)
		default:
			all = append(all, span{uint16(slot), uint16(slot), addr})
		}
	}
	return all
}

// clusterLimiter has commands to a master that does not answer fail at once.
type clusterLimiter struct {
	broker *Broker
	addr   string
}

func (l clusterLimiter) Allow() error {
	if m := l.broker.layout.Load().at(l.addr); m != nil {
		return m.pulse.Allow()
	}
	return nil
}

func (clusterLimiter) ReportResult(error) {}
