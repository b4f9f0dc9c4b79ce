package server

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/tidegate/tidegate/reactor"
)

// recheck looks whether the user was revoked while the handshake was being made. Called
// on the loop, when the session is in the directory.
func (s *session) recheck() {
	if s.identity.User == "" {
		return
	}
	if at, ok := s.server.revokedLately.get(s.account()); ok {
		s.expelRevoked(at)
	}
}

// recheckAll looks whether any user who is here was revoked: orders to the nodes were
// lost before this one could read them. What else was lost, whoever asked has not been
// told to be done. It never waits.
func (s *Server) recheckAll() {
	for i := range s.errands {
		d := &s.directories[i]
		s.errands[i].add(errand{do: func() { s.recheckUsers(s.Workers[i], slices.Collect(maps.Keys(d.byUser))) }, over: func() {}})
	}
}

// recheckUsers has the pool look. May be called on any goroutine.
func (s *Server) recheckUsers(w *reactor.Worker, users []account) {
	if w.Pool().TrySubmit(func() { s.lookForRevoked(w, users) }) != nil {
		s.recheckLater(w, users)
	}
}

// recheckLater has it look after a pause.
func (s *Server) recheckLater(w *reactor.Worker, users []account) {
	again := func(*reactor.Worker) { s.recheckUsers(w, users) }
	time.AfterFunc(recoveryPause, func() { post(w, again, nil) })
}

// lookForRevoked has those closed who were revoked, and goes on later with the rest if
// the broker cannot be asked. Called in the pool.
func (s *Server) lookForRevoked(w *reactor.Worker, users []account) {
	ctx, cancel := context.WithTimeout(context.Background(), pursuitRead)
	defer cancel()
	for i, a := range users {
		at, err := s.revokedAt(ctx, a)
		if err != nil {
			s.Log.Debug("it could not be found out whether users are revoked; it is tried again", slog.Any("error", err))
			s.recheckLater(w, users[i:])
			return
		}
		if at > 0 {
			s.control(&inquiry{Order: Order{Verb: Revoke, Hub: a.hub, User: a.user, At: at}})
		}
	}
}
