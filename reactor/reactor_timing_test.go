package reactor

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/gobwas/ws"
	"golang.org/x/sys/unix"
)

// BenchmarkHeader is why decodeHeader exists.
func BenchmarkHeader(b *testing.B) {
	in := frame(ws.OpText, strings.Repeat("x", 200))
	b.Run("decodeHeader", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, n, _ := decodeHeader(in); n != 8 {
				b.Fatal(n)
			}
		}
	})
	b.Run("ws.ReadHeader", func(b *testing.B) {
		b.ReportAllocs()
		r := bytes.NewReader(in)
		for b.Loop() {
			r.Reset(in)
			if h, err := ws.ReadHeader(r); err != nil || h.Length != 200 {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkRead reads frames that are whole, or cut in the middle.
func BenchmarkRead(b *testing.B) {
	limit := &Config{MessageBytes: 1 << 20, Fragments: 10}
	f := func(name string, op ws.OpCode, size int, cut bool) {
		b.Run(name, func(b *testing.B) {
			in := frame(op, strings.Repeat("x", size))
			buffer := make([]byte, len(in))
			middle := len(in)
			if cut {
				middle /= 2
			}
			var r reader
			b.SetBytes(int64(len(in)))
			b.ReportAllocs()
			for b.Loop() {
				copy(buffer, in)
				e, _, bad := r.next(buffer[:middle], limit)
				if cut {
					e, _, bad = r.next(buffer[middle:], limit)
				}
				if bad != nil || len(e.payload) != size {
					b.Fatal(bad, len(e.payload))
				}
			}
		})
	}
	f("text of 100", ws.OpText, 100, false)
	f("text of 100 in two parts", ws.OpText, 100, true)
	f("text of 4096", ws.OpText, 4096, false)
	f("binary of 4096", ws.OpBinary, 4096, false)
}

// BenchmarkReceive is what one read of a socket costs without the read: a frame of 100
// bytes, or many. One operation is a read.
func BenchmarkReceive(b *testing.B) {
	f := func(name string, config Config, frames int) {
		b.Run(name, func(b *testing.B) {
			config.Workers = 1
			r := start(b, config)
			h := newPeer(nil)
			connect(b, r, h)
			c := within(b, "Open", h.conn)
			in := bytes.Repeat(frame(ws.OpText, strings.Repeat("x", 100)), frames)
			buffer := make([]byte, len(in))
			b.ReportAllocs()
			on(b, c.worker, func(*Worker) {
				for b.Loop() {
					copy(buffer, in)
					c.receive(buffer)
				}
			})
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*frames), "ns/frame")
		})
	}
	f("1 frame", Config{}, 1)
	f("64 frames", Config{}, 64)
	limited := Config{MessageRate: 10_000_000, ByteRate: 1 << 30}
	f("1 frame, limited", limited, 1)
	f("64 frames, limited", limited, 64)
}

// BenchmarkFanOut sends to one group of 1000, all clients in this process. One
// operation is one message, 1000 deliveries; at most depth messages wait.
func BenchmarkFanOut(b *testing.B) {
	for _, depth := range []int{1, 8, 64} {
		b.Run(fmt.Sprintf("depth %d", depth), func(b *testing.B) {
			const members = 1000
			r := start(b, Config{Workers: 1})
			w := r.Workers()[0]
			f := NewFrame(bytes.Repeat([]byte("x"), 100), false)
			conns := make([]*Conn, members)
			window := make(chan struct{}, depth)
			for i := range conns {
				h := newPeer(nil)
				c := connect(b, r, h)
				_ = c.SetDeadline(time.Time{})
				conns[i] = within(b, "Open", h.conn)
				if i > 0 {
					go func() { _, _ = io.Copy(io.Discard, c) }()
					continue
				}
				go func() { // the first client says when a message has come
					got := make([]byte, f.Len())
					for {
						if _, err := io.ReadFull(c, got); err != nil {
							return
						}
						<-window
					}
				}()
			}
			deliver := func(*Worker) {
				for _, c := range conns {
					c.Send(f)
				}
			}
			writes := w.counts.writes.Get()
			b.ReportAllocs()
			for b.Loop() {
				window <- struct{}{}
				_ = w.Post(deliver)
			}
			on(b, w, func(*Worker) {})
			if r.Connections() != members {
				b.Fatal("a member was lost: ", r.Connections(), " of ", members)
			}
			b.ReportMetric(float64(b.N)*members/b.Elapsed().Seconds(), "deliveries/s")
			b.ReportMetric(float64(b.N)*members/float64(w.counts.writes.Get()-writes), "frames/write")
		})
	}
}

// BenchmarkEcho is one client's round trip.
func BenchmarkEcho(b *testing.B) {
	r := start(b, Config{Workers: 1})
	c := connect(b, r, newPeer(echo))
	_ = c.SetDeadline(time.Time{})
	in, out := frame(ws.OpText, strings.Repeat("x", 100)), make([]byte, 102)
	b.ReportAllocs()
	for b.Loop() {
		_, _ = c.Write(in)
		if _, err := io.ReadFull(c, out); err != nil {
			b.Fatal(err)
		}
	}
}

// idle is a handler that costs nothing.
type idle struct{}

func (idle) Open(*Conn)                    {}
func (idle) Message(*Conn, []byte, bool)   {}
func (idle) Drained(*Conn)                 {}
func (idle) Prepare(bool) func([]byte) any { return nil }
func (idle) Due(*Conn)                     {}
func (idle) Closed(*Conn, Reason)          {}

// BenchmarkIdle is the memory of an idle connection: resident, and of the heap.
// The clients are bare descriptors, so that they cost the process nothing.
func BenchmarkIdle(b *testing.B) {
	const connections = 5000
	r := start(b, Config{Workers: 2})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	to := &unix.SockaddrInet4{Port: l.Addr().(*net.TCPAddr).Port, Addr: [4]byte{127, 0, 0, 1}}
	clients := make([]int, 0, connections)
	add := func(n int) {
		for range n {
			fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
			if err == nil {
				err = unix.Connect(fd, to)
			}
			if err != nil {
				b.Fatal(err)
			}
			clients = append(clients, fd)
			c, err := l.Accept()
			if err == nil {
				err = r.Adopt(c, nil, idle{}, false)
			}
			if err != nil {
				b.Fatal(err)
			}
		}
	}
	add(200) // what the first connections need once
	rss, heap := memory(b)
	b.ResetTimer()
	add(connections - 200)
	b.StopTimer()
	for _, w := range r.Workers() {
		on(b, w, func(*Worker) {})
	}
	rss2, heap2 := memory(b)
	b.ReportMetric(float64(rss2-rss)/(connections-200), "RSS-B/conn")
	b.ReportMetric(float64(heap2-heap)/(connections-200), "heap-B/conn")
	b.ReportMetric(float64(unsafe.Sizeof(Conn{})), "Conn-B")
	for _, fd := range clients {
		_ = syscall.Close(fd)
	}
}

func memory(b *testing.B) (rss, heap int) {
	b.Helper()
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		b.Fatal(err)
	}
	var size, resident int
	if _, err := fmt.Sscan(string(statm), &size, &resident); err != nil {
		b.Fatal(err)
	}
	return resident * os.Getpagesize(), int(m.HeapAlloc)
}
