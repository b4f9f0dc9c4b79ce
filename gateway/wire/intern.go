package wire

// names is strings that were seen before, so that a name that is said again costs no
// allocation, and all sessions of a worker share one copy of it.
type names struct{ known map[string]string }

// The bounds of names: how many are known, and how long they may be. Clients choose
// them, so what is over is forgotten as a whole; it is a cache.
const (
	maxNames = 4096
	maxName  = 256 // bytes; longer ones are copied each time
)

// of returns b as a string that may be kept.
func (n *names) of(b []byte) string {
	if s, ok := n.known[string(b)]; ok {
		return s
	}
	s := string(b)
	if len(s) > maxName {
		return s
	}
	if n.known == nil || len(n.known) >= maxNames {
		n.known = make(map[string]string)
	}
	n.known[s] = s
	return s
}
