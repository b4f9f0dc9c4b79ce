package redisstream

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// target is what the broker's URL names.
type target struct {
	kind      string         // "", "sentinel" or "cluster"
	options   *redis.Options // of every server that has messages; the address is that of the only one
	seeds     []string       // addresses of the Sentinels, or of some of the Cluster's nodes
	name      string         // of the master, as the Sentinels call it
	sentinels *redis.Options // of every Sentinel
}

// The URLs that are right, for errors. No error has any part of what was given, since
// that has a password in it.
const (
	wantSingle   = "want redis://user:password@host:6379/0, or rediss:// for TLS, or unix://user:password@/path/to/socket?db=0"
	wantSentinel = "want redis+sentinel://user:password@host1:26379,host2:26379,host3:26379/mymaster?db=0, or rediss+sentinel:// for TLS; sentinel_username and sentinel_password are for Sentinels that ask for them"
	wantCluster  = "want redis+cluster://user:password@host1:6379,host2:6379, or rediss+cluster:// for TLS"
	encoded      = ", with special characters in the password percent-encoded"
)

// timeout bounds every command, so that a Redis that hangs is found.
const timeout = time.Second

// parse reads the URL.
func parse(address string, security TLS) (*target, error) {
	scheme, rest, _ := strings.Cut(address, "://")
	protocol, kind, _ := strings.Cut(scheme, "+")
	t := &target{kind: kind}
	var err error
	switch {
	case kind == "" && (protocol == "redis" || protocol == "rediss" || protocol == "unix"):
		err = t.single(address)
	case (kind == "sentinel" || kind == "cluster") && (protocol == "redis" || protocol == "rediss"):
		err = t.several(protocol, rest)
	default:
		return nil, errors.New("redisstream: the broker's URL has no scheme that is known; " + wantSingle + "; for Sentinel " + wantSentinel + "; for Cluster " + wantCluster)
	}
	if err != nil {
		return nil, err
	}
	if t.options.TLSConfig, err = security.config(protocol == "rediss"); err != nil {
		return nil, err
	}
	limit(t.options)
	if t.kind == "sentinel" {
		t.sentinels.TLSConfig = t.options.TLSConfig
		limit(t.sentinels)
	}
	return t, nil
}

// limit sets what does not depend on the URL.
func limit(o *redis.Options) {
	o.Protocol = 3 // the doorbell needs push messages
	// A write that is sent again after its answer was lost would say a message
	// twice, and the loops here try again by themselves.
	o.MaxRetries = -1
	o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout = timeout, timeout, timeout, timeout
	o.DialerRetries = 1
	o.ContextTimeoutEnabled = true
	o.DisableIdentity = true
	o.PoolSize = 8
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
}

// single reads the URL of one server.
func (t *target) single(address string) error {
	u, err := url.Parse(address)
	if err != nil {
		return errors.New("redisstream: the broker's URL cannot be read; " + wantSingle + encoded)
	}
	if u.Query().Has("skip_verify") {
		return errors.New("redisstream: the broker's URL has skip_verify, with which anyone could be the server; take it out, and name the certificate of your authority in redis.tls.ca_file")
	}
	if t.options, err = redis.ParseURL(address); err != nil {
		return errors.New("redisstream: the broker's URL is not right; " + wantSingle + encoded)
	}
	return nil
}

// several reads the URL of Sentinels or of a Cluster: what stands behind the scheme. A
// list of hosts is more than package url takes.
func (t *target) several(protocol, rest string) error {
	wrong := errors.New("redisstream: the broker's URL cannot be read; " + wantCluster + encoded)
	port := "6379"
	if t.kind == "sentinel" {
		wrong = errors.New("redisstream: the broker's URL cannot be read; " + wantSentinel + encoded)
		port = "26379"
	}
	end := len(rest)
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		end = i
	}
	at := strings.LastIndexByte(rest[:end], '@') + 1
	u, err := url.Parse(protocol + "://" + rest[:at] + "host" + rest[end:])
	if err != nil || u.Fragment != "" {
		return wrong
	}
	for _, host := range strings.Split(rest[at:end], ",") {
		h, err := url.Parse("redis://" + host)
		if err != nil || h.Hostname() == "" || h.Host != host {
			return wrong
		}
		t.seeds = append(t.seeds, net.JoinHostPort(h.Hostname(), cmp.Or(h.Port(), port)))
	}
	t.options = &redis.Options{Username: u.User.Username()}
	t.options.Password, _ = u.User.Password()
	if t.kind == "cluster" {
		if strings.Trim(u.Path, "/") != "" && strings.Trim(u.Path, "/") != "0" || u.RawQuery != "" {
			return errors.New("redisstream: the broker's URL has a database or an option, and a Cluster has neither; " + wantCluster)
		}
		return nil
	}
	return t.sentinel(u)
}

// sentinel reads what is peculiar to Sentinels' URLs: the master's name, and options.
func (t *target) sentinel(u *url.URL) error {
	name, db, _ := strings.Cut(strings.Trim(u.Path, "/"), "/")
	if name == "" {
		return errors.New("redisstream: the broker's URL does not name the master; " + wantSentinel)
	}
	t.name = name
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return errors.New("redisstream: the options in the broker's URL cannot be read; " + wantSentinel + encoded)
	}
	for option := range q {
		if option != "db" && option != "sentinel_username" && option != "sentinel_password" {
			return errors.New("redisstream: the broker's URL has an option that is not known; " + wantSentinel)
		}
	}
	if q.Has("db") {
		db = q.Get("db")
	}
	if db != "" {
		if t.options.DB, err = strconv.Atoi(db); err != nil || t.options.DB < 0 {
			return fmt.Errorf("redisstream: the database in the broker's URL is not a number; %s", wantSentinel)
		}
	}
	t.sentinels = &redis.Options{Username: q.Get("sentinel_username"), Password: q.Get("sentinel_password")}
	return nil
}
