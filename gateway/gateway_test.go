package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// patience is how long a test waits for what must happen. It says nothing of how
// fast it should: a busy machine is not a fault.
const patience = 20 * time.Second

// TestMain fails the run if a goroutine outlives the tests. In a process that spawn has
// started it is the program itself.
func TestMain(m *testing.M) {
	if os.Getenv(spawned) != "" {
		main()
	}
	goleak.VerifyTestMain(m)
}

// gateway is the program, running in this process as main runs it.
type gateway struct {
	t        testing.TB
	public   string // address of the public listener
	operator string
	stop     func() error // ends it as SIGTERM does, and returns run's error; may be called twice
	log      *logLines
}

// logLines is the program's log, line by line.
type logLines struct {
	mu    sync.Mutex
	lines []string
}

func (l *logLines) add(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, line)
}

// String is the log so far.
func (l *logLines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lines, "\n")
}

// start runs the gateway on free ports, with further flags, and waits until it
// listens.
func start(t testing.TB, args ...string) *gateway {
	t.Helper()
	return startWith(t, nil, args...)
}

// startWith is start with an environment.
func startWith(t testing.TB, environ []string, args ...string) *gateway {
	t.Helper()
	g := &gateway{t: t, log: &logLines{}}
	ctx, cancel := context.WithCancel(context.Background())
	r, w := io.Pipe()
	ended := make(chan error, 1)
	args = append([]string{"--listen", "127.0.0.1:0", "--operator", "127.0.0.1:0", "--set", "log.format=json", "--set", "drain.delay=0"}, args...)
	go func() {
		err := run(ctx, context.Background(), args, environ, io.Discard, w)
		w.Close()
		ended <- err
	}()
	g.stop = sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	ready := make(chan struct{})
	go g.readLog(r, ready)
	select {
	case <-ready:
	case err := <-ended:
		t.Fatalf("the gateway did not start: %v\n%s", err, g.log)
	case <-time.After(patience):
		t.Fatalf("the gateway does not listen:\n%s", g.log)
	}
	t.Cleanup(func() {
		if err := g.stop(); err != nil {
			t.Errorf("the gateway ended with: %v", err)
		}
	})
	return g
}

// readLog keeps the log and finds the real addresses in it.
func (g *gateway) readLog(r io.Reader, ready chan<- struct{}) {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		g.log.add(lines.Text())
		var l struct{ Msg, Name, Address string }
		if json.Unmarshal(lines.Bytes(), &l) != nil {
			continue
		}
		switch {
		case l.Msg == "listening" && l.Name == "public":
			g.public = l.Address
		case l.Msg == "listening" && l.Name == "operator":
			g.operator = l.Address
		case l.Msg == "started":
			close(ready)
		}
	}
}

// get asks over HTTP and returns status and body.
func (g *gateway) get(address, path string) (int, string) {
	g.t.Helper()
	return g.do(http.MethodGet, address, path, nil, "")
}

// do is one HTTP request, on a connection of its own.
func (g *gateway) do(method, address, path string, header http.Header, body string) (int, string) {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, "http://"+address+path, strings.NewReader(body))
	if err != nil {
		g.t.Fatal(err)
	}
	for name, values := range header {
		request.Header[name] = values
	}
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		g.t.Fatal(err)
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		g.t.Fatal(err)
	}
	return response.StatusCode, string(b)
}

// metric is the sum of all samples of the operator page whose line begins with
// the prefix.
func (g *gateway) metric(prefix string) float64 {
	g.t.Helper()
	_, page := g.get(g.operator, "/metrics")
	sum := 0.0
	for line := range strings.Lines(page) {
		if !strings.HasPrefix(line, prefix) {
			continue
		}
		var value float64
		fields := strings.Fields(line)
		if err := json.Unmarshal([]byte(fields[len(fields)-1]), &value); err == nil {
			sum += value
		}
	}
	return sum
}

// eventually polls until ok, for as long as patience lasts.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); {
		if time.Now().After(deadline) {
			t.Fatalf("still not so: %s", what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}
