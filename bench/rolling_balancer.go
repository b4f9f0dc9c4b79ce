package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// balancerOptions say which load balancer is started.
type balancerOptions struct {
	program string
	config  string
}

func defaultBalancer() balancerOptions {
	return balancerOptions{program: "haproxy", config: "deploy/haproxy.cfg"}
}

// Balancer is one HAProxy that the harness started, on loopback.
type Balancer struct {
	url   string // where clients connect, as in Plan
	cmd   *exec.Cmd
	log   bytes.Buffer // to be read once ended is closed
	ended chan struct{}
}

// start starts it in front of two gateways and waits until it serves. It is given its
// listener, so that its port is free for certain.
func (o balancerOptions) start(ctx context.Context, gateways []string) (*Balancer, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	defer l.Close()
	file, err := l.(*net.TCPListener).File()
	if err != nil {
		return nil, err
	}
	defer file.Close()
	b := &Balancer{url: "ws://" + l.Addr().String() + "/client/hubs/chat", ended: make(chan struct{})}
	b.cmd = exec.Command(o.program, "-db", "-f", o.config)
	b.cmd.Env = append(os.Environ(), "BIND=fd@3", "GATEWAY_1="+gateways[0], "GATEWAY_2="+gateways[1])
	b.cmd.ExtraFiles = []*os.File{file}
	b.cmd.Stdout, b.cmd.Stderr = &b.log, &b.log
	if err := b.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting the load balancer: %w; install it (apt-get install haproxy) and name it with --haproxy", err)
	}
	go func() {
		_ = b.cmd.Wait()
		close(b.ended)
	}()
	if err := awaitReady(ctx, "http://"+l.Addr().String()+"/readyz", b.ended); err != nil {
		b.close()
		return nil, fmt.Errorf("the load balancer does not serve: %w; it said:\n%s", err, b.log.String())
	}
	return b, nil
}

// awaitReady waits until an address says that a gateway is ready, for as long as what is
// asked has not ended.
func awaitReady(ctx context.Context, url string, ended <-chan struct{}) error {
	client := http.Client{Timeout: time.Second}
	defer client.CloseIdleConnections()
	for deadline := time.Now().Add(nodePatience); ; pause(ctx, 50*time.Millisecond) {
		response, err := client.Get(url)
		if err == nil {
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return nil
			}
			err = errors.New(response.Status)
		}
		select {
		case <-ended:
			return errors.New("it has ended")
		case <-ctx.Done():
			return ctx.Err()
		default:
		}
		if time.Now().After(deadline) {
			return err
		}
	}
}

// close ends it at once: nobody needs its connections any more.
func (b *Balancer) close() {
	_ = b.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-b.ended:
	case <-time.After(nodePatience):
		_ = b.cmd.Process.Kill()
		<-b.ended
	}
}
