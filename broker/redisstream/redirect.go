package redisstream

import (
	"context"

	"github.com/redis/go-redis/v9"
)

// maxRedirects is how often a command may be sent elsewhere.
const maxRedirects = 3

// redirect sends commands that a master of a Cluster has sent away to the one that it
// has named, and reports whether there were any. They were not done, so that nothing is
// done twice.
func (b *Broker) redirect(ctx context.Context, from *master, commands []redis.Cmder) (any bool) {
	for range maxRedirects {
		if !b.clustered || !b.resend(ctx, from, commands) {
			break
		}
		any = true
	}
	return any
}

// resend sends those of the commands that were sent away, in their order, and reports
// whether there were any.
func (b *Broker) resend(ctx context.Context, from *master, commands []redis.Cmder) bool {
	var names []string
	pipes := make(map[string]redis.Pipeliner)
	for _, c := range commands {
		addr, asking := elsewhere(c.Err())
		if addr == "" {
			continue
		}
		addr = reachable(addr, from.addr)
		if pipes[addr] == nil {
			m, err := b.named(addr)
			if err != nil {
				continue
			}
			names, pipes[addr] = append(names, addr), m.client.Pipeline()
		}
		if asking {
			pipes[addr].Do(ctx, "ASKING")
		}
		c.SetErr(nil) // the client sets an error only where there is none: a second fault would not be seen
		_ = pipes[addr].Process(ctx, c)
	}
	for _, addr := range names {
		_, _ = send(ctx, pipes[addr]) // each command has its own error
	}
	return len(names) > 0
}

// elsewhere is where an error says that a key is, and whether it is there only for who
// asks; empty if it says no such thing.
func elsewhere(err error) (addr string, asking bool) {
	if err == nil {
		return "", false
	}
	if addr, ok := redis.IsMovedError(err); ok {
		return addr, false
	}
	addr, asking = redis.IsAskError(err)
	return addr, asking
}
