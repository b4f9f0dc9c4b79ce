package broker

import (
	"testing"
	"time"
)

// TestBeginning: the position before everything in a group that was empty at a time, and
// no other, has that time.
func TestBeginning(t *testing.T) {
	at := time.UnixMilli(1790000000123)
	p := Beginning(at)
	if got, ok := p.Empty(); !ok || !got.Equal(at) {
		t.Errorf("%s is the beginning as of %v, %v", p, got, ok)
	}
	if first := (Position{Ms: 1}); !p.Before(first) || !(Position{}).Before(p) {
		t.Errorf("%s does not stand before every message", p)
	}
	for _, p := range []Position{{}, {Ms: 5}, {Ms: 5, Seq: 7}} {
		if _, ok := p.Empty(); ok {
			t.Errorf("%s is taken for a beginning", p)
		}
	}
}
