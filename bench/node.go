package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

const (
	// nodePatience bounds a node's start and, apart from it, its end.
	nodePatience = 30 * time.Second
	// lastWords is how many lines of a node's log are kept for who asks why it ended.
	lastWords = 20
)

// Host is how a scene gets its gateways: fresh processes of its own. What one
// load leaves in a process (grown heaps, warm pools) is not the next one's cost.
type Host struct {
	Binary string   // path of the gateway
	Flags  []string // that every gateway gets beside those of the scene
}

// addHost declares the flags that say which gateway is started.
func addHost(c *cobra.Command, h *Host) {
	c.Flags().StringVar(&h.Binary, "gateway", h.Binary, "the gateway's program, of which fresh processes are started on free ports")
	c.Flags().StringArrayVar(&h.Flags, "gateway-flag", nil, "a further flag for it, such as --gateway-flag=--broker=redis://127.0.0.1:6379/0; may be repeated")
}

// Node is one gateway process that the harness started, on loopback.
type Node struct {
	URL      string // where clients connect, as in Plan
	Operator string // the operator listener's base URL, as in Plan

	cmd   *exec.Cmd
	ended chan error // the process' end, once its log is read to the end

	mu    sync.Mutex // guards words
	words []string   // the last lines of its log
}

// unhurried is the gateway's settings for a load that is not a client's: one connection of
// a scene sends for many. The rates are at their highest and not off, so that what they
// cost is measured.
var unhurried = []string{"--set", "limits.messages_per_second=10000000", "--set", "limits.bytes_per_second=1GiB"}

// Start starts a gateway on free ports and waits until it serves; the caller closes
// it. environ is added to the environment. Errors say what the gateway said last.
func (h Host) Start(ctx context.Context, environ []string, flags ...string) (*Node, error) {
	args := []string{"--listen", "127.0.0.1:0", "--operator", "127.0.0.1:0", "--set", "log.format=json", "--set", "drain.delay=0"}
	n := &Node{cmd: exec.Command(h.Binary, slices.Concat(args, unhurried, flags, h.Flags)...), ended: make(chan error, 1)}
	n.cmd.Env = append(os.Environ(), environ...)
	log, err := n.cmd.StderrPipe()
	if err != nil {
		return nil, fmt.Errorf("starting the gateway: %w", err)
	}
	if err := n.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting the gateway: %w; build it with make build and name it with --gateway", err)
	}
	serving := make(chan struct{})
	go func() {
		n.read(log, serving)
		n.ended <- n.cmd.Wait()
	}()
	select {
	case <-serving:
		return n, nil
	case err := <-n.ended:
		return nil, fmt.Errorf("the gateway ended at its start (%w); it said:\n%s", err, n.said())
	case <-ctx.Done():
	case <-time.After(nodePatience):
	}
	return nil, errors.Join(fmt.Errorf("the gateway did not serve within %v; it said:\n%s", nodePatience, n.said()), n.Close())
}

// read takes the log to its end. The gateway names its addresses in it, which is
// the one way to learn a free port that it took itself.
func (n *Node) read(log io.Reader, serving chan<- struct{}) {
	lines := bufio.NewScanner(log)
	for lines.Scan() {
		n.mu.Lock()
		n.words = append(n.words, lines.Text())
		n.words = n.words[max(0, len(n.words)-lastWords):]
		n.mu.Unlock()
		var l struct{ Msg, Name, Address string }
		if json.Unmarshal(lines.Bytes(), &l) != nil {
			continue
		}
		switch {
		case l.Msg == "listening" && l.Name == "public":
			n.URL = "ws://" + l.Address + "/client/hubs/chat"
		case l.Msg == "listening" && l.Name == "operator":
			n.Operator = "http://" + l.Address
		case l.Msg == "started":
			close(serving)
		}
	}
}

// said is what the gateway logged last.
func (n *Node) said() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return strings.Join(n.words, "\n")
}

// Close asks the gateway to end, waits for it, and kills it if it does not. An
// error means that it ended otherwise than it should: a crash in a scene is a
// result. Call it once.
func (n *Node) Close() error {
	_ = n.cmd.Process.Signal(syscall.SIGTERM) // ended already: the channel has it
	select {
	case err := <-n.ended:
		if err != nil {
			return fmt.Errorf("the gateway ended with %w; it said:\n%s", err, n.said())
		}
		return nil
	case <-time.After(nodePatience):
		_ = n.cmd.Process.Kill()
		<-n.ended
		return fmt.Errorf("the gateway did not end within %v and was killed; it said:\n%s", nodePatience, n.said())
	}
}

// Kill ends the gateway at once, as kill -9 does, and waits until it is gone. It is
// called instead of Close.
func (n *Node) Kill() {
	_ = n.cmd.Process.Kill() // ended already: the channel has it
	<-n.ended
}

// at is the plan, pointed at this node.
func (n *Node) at(p Plan) Plan {
	p.URL, p.Operator = n.URL, n.Operator
	return p
}

// roomFor is the setting that lets a node take so many connections.
func roomFor(connections int) []string {
	return []string{"--set", fmt.Sprintf("limits.connections=%d", connections+500)}
}
