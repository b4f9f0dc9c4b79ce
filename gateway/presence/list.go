package presence

import (
	"time"

	"github.com/tidegate/tidegate/broker"
)

// list is this node's members of a group, and what the broker knows of them. It holds
// who is here, and who was marked and has gone since: so while the broker is away it
// grows by nobody who came and went meanwhile. An empty one stays until it was compared
// once more, since a broker that fails over may have forgotten that somebody has gone.
type list struct {
	group   broker.Group
	entries map[string]*entry // by connection
	unsaid  map[string]*entry // of them, who is to be marked
	checked time.Time         // when what the broker has was last compared
}

// entry is one member.
type entry struct {
	user     string
	sessions int  // of the connection that are in the group
	told     bool // it was marked as here, or may have been
}

// here reports whether the connection is in the group.
func (e *entry) here() bool { return e.sessions > 0 }

// enlist takes a difference, and reports whether the connection is in the group now, and
// whether that is new.
func (k *Keeper) enlist(m membership, d difference) (here, changed bool) {
	l := k.lists[m.group]
	if l == nil {
		if d.sessions == 0 {
			return false, false
		}
		l = &list{group: m.group, entries: make(map[string]*entry), unsaid: make(map[string]*entry), checked: time.Now()}
		k.lists[m.group] = l
	}
	e := l.entries[m.connection]
	if e == nil {
		e = &entry{user: d.user}
	}
	was := e.here()
	e.sessions += d.sessions
	here, changed = e.here(), e.here() != was
	switch {
	case !changed:
		return here, false
	case here:
		k.members++
	default:
		k.members--
	}
	if !here && !e.told {
		delete(l.unsaid, m.connection)
		delete(l.entries, m.connection)
		return here, true
	}
	l.entries[m.connection] = e
	k.say(l, m.connection, e)
	return here, true
}

// say has an entry marked.
func (k *Keeper) say(l *list, connection string, e *entry) {
	l.unsaid[connection] = e
	k.unsaid[l] = struct{}{}
}

// marks takes up to limit unsaid entries.
func (k *Keeper) marks(limit int) (all []broker.Mark) {
	for l := range k.unsaid {
		for connection, e := range l.unsaid {
			if len(all) == limit {
				return all
			}
			delete(l.unsaid, connection)
			e.told = e.told || e.here()
			all = append(all, broker.Mark{Group: l.group, Connection: connection, User: e.user, Gone: !e.here()})
		}
		delete(k.unsaid, l)
	}
	return all
}

// marked takes what became of marks: what failed is said again, as it is by then.
func (k *Keeper) marked(marks []broker.Mark, err error) {
	for _, m := range marks {
		l := k.lists[m.Group]
		if l == nil {
			continue
		}
		e := l.entries[m.Connection]
		switch {
		case e == nil:
		case err != nil:
			k.say(l, m.Connection, e)
		case m.Gone && !e.here() && l.unsaid[m.Connection] == nil:
			delete(l.entries, m.Connection)
		}
	}
}

// The comparing of what is here with what the broker has.
const (
	kept      = 10 * time.Minute // of what was marked, if the node does not say so again
	checks    = 3 * time.Minute  // between comparisons of one list, which also keep it
	checksRun = 16               // lists that are compared at a time
)

// repairAll has every list compared: the broker may have lost something.
func (k *Keeper) repairAll() {
	for _, l := range k.lists {
		k.unsure[l] = struct{}{}
	}
}

// repairDue has lists compared whose time has come.
func (k *Keeper) repairDue(now time.Time) {
	for _, l := range k.lists {
		if now.Sub(l.checked) > checks {
			k.unsure[l] = struct{}{}
		}
	}
}

// repairs takes some lists that are to be compared, each with someone who is marked again
// so that the list is kept.
func (k *Keeper) repairs(now time.Time) (all []repair) {
	for l := range k.unsure {
		if len(all) == checksRun {
			break
		}
		delete(k.unsure, l)
		l.checked = now
		r := repair{group: l.group}
		for connection, e := range l.entries {
			if e.here() && e.told {
				r.keep = []broker.Mark{{Group: l.group, Connection: connection, User: e.user}}
				break
			}
		}
		all = append(all, r)
	}
	return all
}

// repair is a list on its way to be compared.
type repair struct {
	group  broker.Group
	keep   []broker.Mark
	stored []broker.Member // what the broker has
}

// compared takes what the broker has, or that it could not be had.
func (k *Keeper) compared(all []repair, err error) {
	for _, r := range all {
		l := k.lists[r.group]
		switch {
		case l == nil: // it was compared twice, and the first time was the last
		case err != nil:
			k.unsure[l] = struct{}{}
		default:
			k.reconcile(l, r.stored)
		}
	}
}

// reconcile has marked what is different.
func (k *Keeper) reconcile(l *list, stored []broker.Member) {
	there := make(map[string]struct{}, len(stored))
	for _, m := range stored {
		there[m.Connection] = struct{}{}
		e := l.entries[m.Connection]
		if e == nil {
			e = &entry{user: m.User, told: true}
			l.entries[m.Connection] = e
		}
		if !e.here() {
			k.say(l, m.Connection, e)
		}
	}
	for connection, e := range l.entries {
		if _, ok := there[connection]; e.here() && !ok {
			k.say(l, connection, e)
		}
	}
	if len(l.entries) == 0 {
		delete(k.lists, l.group)
		delete(k.unsure, l)
		delete(k.unsaid, l)
	}
}
