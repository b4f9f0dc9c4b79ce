package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/tidegate/tidegate/config"
	"github.com/tidegate/tidegate/gateway/auth"
	"github.com/tidegate/tidegate/gateway/keyring"
)

// keysPatience is how long a node waits at its start for an issuer's keys. Afterwards
// it lets in whom it can, is not ready, and goes on trying.
const keysPatience = 5 * time.Second

// openKeys reads the keys that clients' tokens are verified with.
func (n *node) openKeys() (err error) {
	if n.keys, err = openRing(n.config, n.log, n.metrics); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), keysPatience)
	defer cancel()
	n.keys.Await(ctx)
	return nil
}

// openRing is the keyring of the settings.
func openRing(c config.Config, log *slog.Logger, set *metrics.Set) (*keyring.Ring, error) {
	for _, role := range c.Auth.AnonymousRoles {
		if err := auth.CheckRole(role); err != nil {
			return nil, usageError{fmt.Errorf("setting auth.anonymous_roles: %w", err)}
		}
	}
	r, err := keyring.Open(keyring.Config{
		Keys: c.Keys, KeysFile: c.KeysFile, PublicKeys: c.Auth.PublicKeys, JWKS: c.Auth.JWKS, Refresh: c.Auth.JWKSRefresh,
		Rules: auth.Rules{
			Leeway: c.Auth.ClockSkew, RequireExpiry: c.Auth.RequireExpiry,
			Issuers: c.Auth.Issuers, Audiences: c.Auth.Audiences,
			Anonymous: c.Auth.Anonymous, AnonymousRoles: c.Auth.AnonymousRoles,
		},
		Log: log, Set: set,
	})
	if err != nil {
		return nil, usageError{err}
	}
	return r, nil
}

// checkKeys reads the keys that are at hand, and asks nobody for others.
func checkKeys(c config.Config) error {
	c.Auth.JWKS = ""
	r, err := openRing(c, slog.New(slog.DiscardHandler), metrics.NewSet())
	r.Close()
	return err
}
