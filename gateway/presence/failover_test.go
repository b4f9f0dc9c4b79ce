package presence

import (
	"testing"
	"time"

	"github.com/tidegate/tidegate/broker/brokertest"
)

// TestSentinel: the master is killed while clients come and go, and its replica, which
// may not have all, takes its place.
func TestSentinel(t *testing.T) {
	s := brokertest.StartSentinel(t)
	all := nodes(t, s.URL(), 3)
	churn(t, all, 3*time.Second, func() {
		time.Sleep(time.Second)
		was := s.Master()
		was.Kill()
		s.Promoted(s.Other(was))
	})
}

// TestCluster: the keys of presence are on all masters; one is killed while clients come
// and go, and its replica takes its place.
func TestCluster(t *testing.T) {
	c := brokertest.StartCluster(t)
	all := nodes(t, c.URL(), 3)
	churn(t, all, 8*time.Second, func() {
		time.Sleep(time.Second)
		c.Masters[0].Kill()
	})
}
