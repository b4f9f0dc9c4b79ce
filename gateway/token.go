package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/tidegate/tidegate/config"
	"github.com/tidegate/tidegate/gateway/auth"
)

// maxTokenAge is the longest that a token may be made for: longer than anybody keeps
// the key that signed it.
const maxTokenAge = 10 * 365 * 24 * time.Hour

// tokenFlags are what gateway token is asked for.
type tokenFlags struct {
	claims             auth.Claims
	expires            time.Duration
	keyFile, algorithm string
	check, may         string
}

// newToken is the command that makes a client's token, or explains one.
func newToken(s *settings, stdout io.Writer) *cobra.Command {
	var f tokenFlags
	c := &cobra.Command{
		Use:   "token",
		Short: "Make a client's access token, or explain one with --check",
		Long: `Make a client's access token with the first access key of the settings, or with
the key in a file, and print it alone. With --check explain a token instead: what
it says, which key has signed it, what is wrong with it, and what it may do.`,
		Example: `  gateway token --user ann --role webpubsub.joinLeaveGroup --role webpubsub.sendToGroup.lobby
  gateway token --key-file issuer.pem --algorithm PS256 --kid 2026-11 --expires 10m
  gateway token --check - --may joinGroup lobby <token.txt`,
	}
	c.Flags().StringVar(&f.claims.Hub, "hub", "", "the `HUB` that it is for; the setting hubs has it, and need not be asked if it has one")
	c.Flags().StringVar(&f.claims.User, "user", "", "the `NAME` that others see; without one the client is anonymous")
	c.Flags().StringArrayVar(&f.claims.Roles, "role", nil, "what the client may do: a `ROLE`, may be repeated")
	c.Flags().StringArrayVar(&f.claims.Groups, "group", nil, "a `GROUP` that the client is in from the start, may be repeated")
	c.Flags().DurationVar(&f.expires, "expires", time.Hour, "how `LONG` it lasts")
	c.Flags().StringVar(&f.claims.Issuer, "issuer", "", "`ISSUER` (iss); the first of auth.issuers if that is set")
	c.Flags().StringVar(&f.claims.Audience, "audience", "", "`AUDIENCE` (aud); the first of auth.audiences if that is set, or else the address of the hub")
	c.Flags().StringVar(&f.keyFile, "key-file", "", "sign with the key in this `FILE`: a private key in PEM, or an access key as text")
	c.Flags().StringVar(&f.algorithm, "algorithm", "", "the `ALG` to sign with, of those that the key is for")
	c.Flags().StringVar(&f.claims.KeyID, "kid", "", "the key's `NAME` in its issuer's key set")
	c.Flags().StringVar(&f.check, "check", "", "explain this `TOKEN`; - reads it from the standard input, where no list of processes shows it")
	c.Flags().StringVar(&f.may, "may", "", "with --check: whether the client may do this `OPERATION` (joinGroup, leaveGroup, sendToGroup) on the group that follows")
	c.Args = func(c *cobra.Command, args []string) error {
		if f.may != "" && len(args) == 1 {
			return nil
		}
		return noArgs(c, args)
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		loaded, err := s.load(c)
		switch {
		case err != nil:
			return err
		case f.check != "":
			return f.explain(loaded.Config, strings.Join(args, ""), c.InOrStdin(), stdout)
		case f.may != "":
			return usageError{errors.New("--may asks about the token of --check")}
		}
		return f.make(loaded.Config, stdout)
	}
	return c
}

// make prints a token.
func (f *tokenFlags) make(c config.Config, stdout io.Writer) error {
	if err := f.complete(c, time.Now()); err != nil {
		return usageError{err}
	}
	signer, err := f.signer(c)
	if err != nil {
		return usageError{err}
	}
	text, err := signer.Sign(f.claims, f.algorithm)
	if err != nil {
		return usageError{err}
	}
	_, err = fmt.Fprintln(stdout, text)
	return err
}

// complete fills in what was not asked for, and says what could not be right.
func (f *tokenFlags) complete(c config.Config, now time.Time) error {
	k := &f.claims
	if k.Hub == "" && len(c.Hubs) > 1 {
		return fmt.Errorf("--hub is missing: the setting hubs has %s", strings.Join(c.Hubs, ", "))
	}
	if k.Hub == "" {
		k.Hub = c.Hubs[0]
	}
	if f.expires < time.Second || f.expires > maxTokenAge {
		return fmt.Errorf("--expires %s: want a time from 1s to %s, such as 10m", f.expires, maxTokenAge)
	}
	k.Issued, k.Expires = now, now.Add(f.expires)
	for _, role := range k.Roles {
		if err := auth.CheckRole(role); err != nil {
			return fmt.Errorf("--role: %w", err)
		}
	}
	for _, group := range k.Groups {
		if strings.TrimSpace(group) == "" || group[0] == '.' {
			return fmt.Errorf("--group %q: a group's name is not all white space and does not begin with a dot", group)
		}
	}
	if k.Issuer == "" && len(c.Auth.Issuers) > 0 {
		k.Issuer = c.Auth.Issuers[0]
	}
	if k.Audience == "" && len(c.Auth.Audiences) > 0 {
		k.Audience = strings.ReplaceAll(c.Auth.Audiences[0], "{hub}", k.Hub)
	}
	return nil
}

// signer is the key to sign with: that of the file, or the first access key.
func (f *tokenFlags) signer(c config.Config) (auth.Signer, error) {
	path := f.keyFile
	if path == "" && len(c.Keys) > 0 {
		reference, isFile := strings.CutPrefix(c.Keys[0], "file:")
		if !isFile {
			return auth.SecretSigner(c.Keys[0], "setting keys")
		}
		path = reference
	}
	if path == "" {
		path = c.KeysFile
	}
	if path == "" {
		return auth.Signer{}, errors.New("no key to sign with: set keys or keys_file, or use --key-file; a gateway without any key asks for no token")
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return auth.Signer{}, fmt.Errorf("the key cannot be read: %w", err)
	}
	return auth.ParseSigner(content, path)
}
