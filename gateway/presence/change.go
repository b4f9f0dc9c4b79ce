package presence

import (
	"encoding/json"
	"strings"

	"github.com/tidegate/tidegate/broker"
)

// changes is what the name of a group's stream of changes begins with. Clients cannot
// name it, since it begins with a dot.
const changes = ".presence:"

// changesOf is the stream of changes of a group.
func changesOf(g broker.Group) broker.Group {
	return broker.Group{Hub: g.Hub, Name: changes + g.Name}
}

// groupOf is the group of a stream of changes.
func groupOf(c broker.Group) broker.Group {
	return broker.Group{Hub: c.Hub, Name: strings.TrimPrefix(c.Name, changes)}
}

// Owns reports whether a group is a stream of changes.
func Owns(g broker.Group) bool { return g.Name[0] == '.' && strings.HasPrefix(g.Name, changes) }

// change is one entry of a stream of changes, as JSON: who has come to a node, and who
// has gone from it.
type change struct {
	Node string      `json:"node"`
	Came [][2]string `json:"came,omitempty"` // connection and user
	Gone []string    `json:"gone,omitempty"` // connection
}

// changeLimit is how many members one entry has at most.
const changeLimit = 500

// apply makes the change to a node's part.
func (c *change) apply(part map[string]string) {
	for _, m := range c.Came {
		part[m[0]] = m[1]
	}
	for _, connection := range c.Gone {
		delete(part, connection)
	}
}

// announcements are the entries that say what was marked.
func announcements(node string, marks []broker.Mark) (all []*broker.Message) {
	last := make(map[broker.Group]*change)
	size := func(c *change) int { return len(c.Came) + len(c.Gone) }
	flush := func(g broker.Group, c *change) {
		data, _ := json.Marshal(c) // strings always marshal
		all = append(all, &broker.Message{Group: changesOf(g), Type: broker.JSON, Data: data})
		delete(last, g)
	}
	for _, m := range marks {
		c := last[m.Group]
		if c == nil {
			c = &change{Node: node}
			last[m.Group] = c
		}
		if m.Gone {
			c.Gone = append(c.Gone, m.Connection)
		} else {
			c.Came = append(c.Came, [2]string{m.Connection, m.User})
		}
		if size(c) == changeLimit {
			flush(m.Group, c)
		}
	}
	for g, c := range last {
		flush(g, c)
	}
	return all
}

// heard takes what was announced in one group. This node's own words are old news: its
// list has said so before.
func (k *Keeper) heard(messages []*broker.Message) {
	r := k.rosters[groupOf(messages[0].Group)]
	if r == nil || !r.open {
		return // what still comes belongs to a subscription that has ended
	}
	k.touched[r] = struct{}{}
	for _, m := range messages {
		var c change
		if m.Lost || json.Unmarshal(m.Data, &c) != nil || c.Node == "" {
			r.stale = true // if somebody else has written it, reading once more does no harm
			continue
		}
		if c.Node == k.config.Node {
			continue
		}
		k.counts.heard.Inc()
		k.met(c.Node)
		switch {
		case !r.loading:
		case len(r.since) < missable:
			r.since = append(r.since, c)
		default:
			r.spoilt = true
		}
		for _, one := range c.Came {
			r.set(c.Node, one[0], one[1], true)
		}
		for _, connection := range c.Gone {
			r.set(c.Node, connection, "", false)
		}
	}
}
