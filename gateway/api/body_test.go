package api

import (
	"bufio"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/tidegate/tidegate/gateway/auth"
)

// TestBodyThatDoesNotCome: it is answered after a while, whoever would have read it, and
// so holds neither the connection nor a goroutine for ever.
func TestBodyThatDoesNotCome(t *testing.T) {
	s := httptest.NewServer(Operator(Config{Keys: auth.NewKeys(auth.Rules{}, func() {}), BodyBytes: 1024, Patience: 50 * time.Millisecond, Metrics: metrics.NewSet()}))
	defer s.Close()
	for path, want := range map[string]int{"/api/hubs/chat/:send": http.StatusBadRequest, "/api/hubs/chat/:dance": http.StatusNotFound} {
		c, err := net.Dial("tcp", s.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_ = c.SetDeadline(time.Now().Add(20 * time.Second))
		_, _ = c.Write([]byte("POST " + path + " HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\n"))
		response, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil || response.StatusCode != want {
			t.Errorf("%s: %+v, %v, want %d", path, response, err, want)
		}
		c.Close()
	}
}
