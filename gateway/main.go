// Gateway holds the WebSocket connections so that the application does not have
// to. This file wires the rooms and starts them; what a message does is in the
// rooms themselves, at nine stops, and a test keeps this list true:
//
//	UP
//	1 reactor/read.go                  read       bytes to frames; control frames are answered
//	2 gateway/server/session.go        message    a frame to a request; the protocol's table of contents
//	3 gateway/wire/decode.go           Decode     bytes to a request, and nothing else
//	4 gateway/server/relay.go          publish    permission; over to the broker, and the ack when it has it
//	5 broker/redisstream/write.go      writeLoop  what queued meanwhile, in one pipeline
//	DOWN
//	6 broker/redisstream/read.go       readLoop   in stream order, from the last id seen
//	7 gateway/server/handover.go       deliver    one frame, to each worker that has members
//	8 gateway/hub/group.go             Members    who is in the group on this worker
//	9 reactor/conn.go                  Offer      the shared frame, queued on one socket
//
// The memory broker has the same two loops, in broker/memory/write.go and read.go.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
)

// Exit codes, for scripts.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	ctx, hurry := onSignals()
	os.Exit(exitCode(run(ctx, hurry, os.Args[1:], os.Environ(), os.Stdout, os.Stderr), os.Stderr))
}

// run is the whole program; tests call it as main does. It returns when ctx has
// ended and everything is closed, or when something failed; when hurry has ended too,
// it closes everything at once.
func run(ctx, hurry context.Context, args, environ []string, stdout, stderr io.Writer) error {
	root := newCommand(hurry, environ, stdout, stderr)
	root.SetArgs(args)
	return root.ExecuteContext(ctx)
}

// usageError is an error in what was typed, as opposed to one in doing it.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// exitCode says the error, if there is one, and what the process ends with.
func exitCode(err error, stderr io.Writer) int {
	if err == nil {
		return exitDone
	}
	fmt.Fprintln(stderr, "gateway: "+err.Error())
	if errors.As(err, new(usageError)) {
		return exitUsage
	}
	return exitFailed
}
