package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/tidegate/tidegate/config"
	"github.com/tidegate/tidegate/gateway/auth"
)

// maxTokenBytes is how much is read of a token: more than any request's header may have.
const maxTokenBytes = 1 << 20

// explain prints what a token says and what would become of it. It is an error if the
// token is not valid, or does not allow what was asked for, so that scripts can ask.
func (f *tokenFlags) explain(c config.Config, group string, stdin io.Reader, stdout io.Writer) error {
	text, err := f.tokenText(stdin)
	if err != nil {
		return err
	}
	asked, err := question(f.may, group)
	if err != nil {
		return usageError{err}
	}
	var said strings.Builder
	ring, err := openRing(c, slog.New(slog.NewTextHandler(&said, nil)), metrics.NewSet())
	if err != nil {
		return err
	}
	ring.Await(context.Background())
	ring.Close()
	if err := ring.Ready(); err != nil {
		fmt.Fprintf(stdout, "the issuer's keys are missing: %s\n", said.String())
	}
	hub, e := best(c.Hubs, f.claims.Hub, func(hub string) auth.Explanation { return ring.Keys().Explain(text, hub, time.Now()) })
	if err := writeClaims(stdout, e, time.Now()); err != nil {
		return err
	}
	if err := writeVerdict(stdout, hub, e.Faults); err != nil {
		return err
	}
	return asked.answer(stdout, e)
}

// tokenText is the token of the flag, or of the standard input.
func (f *tokenFlags) tokenText(stdin io.Reader) (string, error) {
	if f.check != "-" {
		return f.check, nil
	}
	content, err := io.ReadAll(io.LimitReader(stdin, maxTokenBytes))
	if err != nil {
		return "", fmt.Errorf("read the token: %w", err)
	}
	return strings.TrimSpace(string(content)), nil
}

// best is the hub that a token fits best, since it was made for one of them.
func best(hubs []string, wanted string, explain func(hub string) auth.Explanation) (hub string, e auth.Explanation) {
	if wanted != "" {
		return wanted, explain(wanted)
	}
	for _, h := range hubs {
		if next := explain(h); hub == "" || len(next.Faults) < len(e.Faults) {
			hub, e = h, next
		}
	}
	return hub, e
}

// writeClaims prints what the token says, in columns. All of it is quoted: anybody may
// have written it.
func writeClaims(stdout io.Writer, e auth.Explanation, now time.Time) error {
	if e.Algorithm == "" {
		return nil // it could not be read
	}
	t := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	line := func(name string, values ...string) {
		for _, v := range values {
			fmt.Fprintf(t, "%s\t%s\n", name, v)
			name = ""
		}
	}
	quoted := func(values ...string) (all []string) {
		for _, v := range values {
			if v != "" {
				all = append(all, fmt.Sprintf("%q", v))
			}
		}
		return all
	}
	line("alg", quoted(e.Algorithm)...)
	line("kid", quoted(e.KeyID)...)
	if e.Key != "" {
		line("signed by", e.Key)
	}
	line("iss", quoted(e.Issuer)...)
	line("aud", quoted(e.Audience...)...)
	line("sub", quoted(e.User)...)
	for _, d := range []struct {
		name string
		at   time.Time
	}{{"iat", e.Issued}, {"nbf", e.NotBefore}, {"exp", e.Expires}} {
		if !d.at.IsZero() {
			line(d.name, d.at.Format(time.RFC3339)+", "+away(d.at.Sub(now)))
		}
	}
	var roles []string
	for _, role := range e.Roles {
		text := fmt.Sprintf("%q", role)
		if err := auth.CheckRole(role); err != nil {
			text += ", which allows nothing"
		}
		roles = append(roles, text)
	}
	line("role", roles...)
	line("group", quoted(e.Groups...)...)
	return t.Flush()
}

// away is how far off a time is.
func away(d time.Duration) string {
	if d < 0 {
		return (-d).Truncate(time.Second).String() + " ago"
	}
	return "in " + d.Truncate(time.Second).String()
}

// writeVerdict prints whether the token is valid, or all that is wrong with it.
func writeVerdict(stdout io.Writer, hub string, faults []*auth.Refusal) error {
	if len(faults) == 0 {
		_, err := fmt.Fprintf(stdout, "\nvalid for hub %s\n", hub)
		return err
	}
	fmt.Fprintf(stdout, "\nnot valid for hub %s:\n", hub)
	for _, bad := range faults {
		fmt.Fprintf(stdout, "- %s: %s\n", bad.Reason, strings.TrimPrefix(bad.Error(), auth.ErrInvalid.Error()+": "))
		if detail := bad.Detail(); detail != "" {
			fmt.Fprintf(stdout, "  %s\n", detail)
		}
	}
	return fmt.Errorf("the token is not valid for hub %s", hub)
}

// may is a question about what a token allows.
type may struct {
	operation, group, role string
	allowed                func(*auth.Permissions, string) bool
}

// question is that of --may; its zero value asks nothing.
func question(operation, group string) (may, error) {
	q := may{operation: operation, group: group}
	switch operation {
	case "":
		return q, nil
	case "joinGroup", "leaveGroup":
		q.role, q.allowed = "webpubsub.joinLeaveGroup", (*auth.Permissions).MayJoin
	case "sendToGroup":
		q.role, q.allowed = "webpubsub.sendToGroup", (*auth.Permissions).MaySend
	default:
		return q, fmt.Errorf("--may %s: want joinGroup, leaveGroup or sendToGroup, and then a group", operation)
	}
	if group == "" {
		return q, errors.New("--may " + operation + ": want the group behind it, as in --may " + operation + " lobby")
	}
	return q, nil
}

// answer prints whether the token allows it.
func (q may) answer(stdout io.Writer, e auth.Explanation) error {
	switch {
	case q.operation == "":
		return nil
	case q.allowed(&e.Permissions, q.group):
		_, err := fmt.Fprintf(stdout, "may %s %q\n", q.operation, q.group)
		return err
	}
	return fmt.Errorf("the token may not %s %q: the role %s.%s would allow it", q.operation, q.group, q.role, q.group)
}
