package main

import "sync"

// Gate is what readers wait at while it is closed. The zero value is open. Safe for
// concurrent use.
type Gate struct {
	mu     sync.Mutex
	closed chan struct{} // nil while it is open; closed when it opens
}

// Close has all who come wait.
func (g *Gate) Close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed == nil {
		g.closed = make(chan struct{})
	}
}

// Open lets all go on.
func (g *Gate) Open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed != nil {
		close(g.closed)
		g.closed = nil
	}
}

// Wait waits while it is closed.
func (g *Gate) Wait() {
	g.mu.Lock()
	closed := g.closed
	g.mu.Unlock()
	if closed != nil {
		<-closed
	}
}
