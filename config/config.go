// Package config is the gateway's settings: what there is, what its value is,
// and where that value came from. Settings are layered: default.yaml (embedded,
// and the documentation), then a file, then the environment, then flags; a later
// layer wins.
package config

import "time"

// Config is every setting of the gateway, checked by Validate. It is read once
// at start and then never written, so any goroutine may read it. What a setting
// does, its range and what happens at a limit stand in default.yaml, once.
type Config struct {
	Listen   string `koanf:"listen"`   // address of the public listener
	Operator string `koanf:"operator"` // address of the operator listener
	Demo     bool   `koanf:"demo"`     // the page at /
	Echo     string `koanf:"echo"`     // path of the echo route; empty is off

	Hubs    []string `koanf:"hubs"`    // the hubs that clients may connect to, lower case
	Routes  []Route  `koanf:"routes"`  // paths for simple clients
	Origins []string `koanf:"origins"` // allowed browser origins; empty is the gateway's own host; "*" is any

	Keys     []string `koanf:"keys"`      // access keys, or file:PATH of some: the first signs, all verify
	KeysFile string   `koanf:"keys_file"` // a file of further ones
	Auth     Auth     `koanf:"auth"`

	Proxies Proxies   `koanf:"proxies"`
	TLS     ListenTLS `koanf:"tls"`

	Workers int  `koanf:"workers"` // event loops that share the connections
	Pool    Pool `koanf:"pool"`

	Broker      string        `koanf:"broker"`       // "memory", or the URL of a Redis, of Sentinels or of a Cluster
	Capacity    int           `koanf:"capacity"`     // messages kept per group
	GroupExpiry time.Duration `koanf:"group_expiry"` // a group silent for this long is forgotten
	Publish     Publish       `koanf:"publish"`
	Memory      Memory        `koanf:"memory"`
	Redis       Redis         `koanf:"redis"`

	Compression Compression `koanf:"compression"`
	Presence    Presence    `koanf:"presence"`

	Limits    Limits    `koanf:"limits"`
	Session   Session   `koanf:"session"`
	Heartbeat Heartbeat `koanf:"heartbeat"`
	Log       Log       `koanf:"log"`
	Drain     Drain     `koanf:"drain"`
	Shutdown  Shutdown  `koanf:"shutdown"`
}

// HasKeys reports whether tokens can be verified, so that they are asked for.
func (c *Config) HasKeys() bool {
	return len(c.Keys) > 0 || c.KeysFile != "" || len(c.Auth.PublicKeys) > 0 || c.Auth.JWKS != ""
}

// hasAccessKeys reports whether the data plane can ask for one.
func (c *Config) hasAccessKeys() bool { return len(c.Keys) > 0 || c.KeysFile != "" }

// Route is a path whose clients speak bare payloads to one group.
type Route struct {
	Path string `koanf:"path"` // like /ws/chat/{group}/
	Hub  string `koanf:"hub"`
}

// String is the route as flags and variables have it: path=hub.
func (r Route) String() string { return r.Path + "=" + r.Hub }

// Auth is which tokens clients are let in with.
type Auth struct {
	PublicKeys     []string      `koanf:"public_keys"`     // files in PEM
	JWKS           string        `koanf:"jwks"`            // the address of an issuer's key set; empty is none
	JWKSRefresh    time.Duration `koanf:"jwks_refresh"`    // it is fetched again after this, or sooner
	Issuers        []string      `koanf:"issuers"`         // accepted; empty is any
	Audiences      []string      `koanf:"audiences"`       // accepted; empty is an address of the hub
	ClockSkew      time.Duration `koanf:"clock_skew"`      // between this node and whoever signs
	RequireExpiry  bool          `koanf:"require_expiry"`  // tokens without exp are refused
	CloseAtExpiry  bool          `koanf:"close_at_expiry"` // connections end with their token
	RevokedFor     time.Duration `koanf:"revoked_for"`     // that a user's tokens were revoked is kept for so long
	Anonymous      []string      `koanf:"anonymous"`       // hubs and routes' paths that need no token
	AnonymousRoles []string      `koanf:"anonymous_roles"` // what clients without one may do there
}

// ListenTLS is TLS on the gateway's own listeners. The files are in PEM; empty is none.
type ListenTLS struct {
	CertFile string `koanf:"cert_file"` // the certificate, and those up to its authority
	KeyFile  string `koanf:"key_file"`  // its key
	Operator bool   `koanf:"operator"`  // the operator listener speaks it too
}

// Proxies is who is believed about whom a connection is for.
type Proxies struct {
	Trusted  []string `koanf:"trusted"`  // networks and addresses; empty is nobody
	Header   string   `koanf:"header"`   // that they write the client's address to, lower case
	Protocol bool     `koanf:"protocol"` // their connections begin with the PROXY protocol
}

// Pool is the bounded set of goroutines for what may block, one per worker.
type Pool struct {
	Size  int `koanf:"size"`  // goroutines per worker; 0 is min(32, CPUs+4)
	Queue int `koanf:"queue"` // tasks that may wait per worker
}

// Publish bounds what waits for the broker.
type Publish struct {
	QueueMessages int           `koanf:"queue_messages"` // messages
	QueueBytes    int           `koanf:"queue_bytes"`    // and the sum of their sizes
	Timeout       time.Duration `koanf:"timeout"`        // a message that is not in its stream after this has failed
}

// Memory is what concerns the memory broker alone.
type Memory struct {
	Bytes int `koanf:"bytes"` // that all groups' streams may hold together
}

// Redis is what concerns the Redis broker alone.
type Redis struct {
	Prefix string        `koanf:"prefix"` // of the groups' keys, "tg"
	Sweep  time.Duration `koanf:"sweep"`  // every group is verified once in this time
	Probe  time.Duration `koanf:"probe"`  // the doorbell is tried this often

	WaitReplicas int           `koanf:"wait_replicas"` // a message is acked when so many have it
	WaitTimeout  time.Duration `koanf:"wait_timeout"`  // or are not waited for any longer

	TLS TLS `koanf:"tls"` // for rediss:// and its kin
}

// TLS names PEM files; each may be empty.
type TLS struct {
	CAFile   string `koanf:"ca_file"`   // the servers' authorities
	CertFile string `koanf:"cert_file"` // the gateway's own certificate
	KeyFile  string `koanf:"key_file"`  // and its key
}

// Compression is permessage-deflate, without context takeover.
type Compression struct {
	Enabled  bool `koanf:"enabled"`   // agreed to if a client offers it
	MinBytes int  `koanf:"min_bytes"` // of a frame; smaller ones are sent as they are
}

// Presence is who is where.
type Presence struct {
	Groups []string `koanf:"groups"` // patterns of the groups of which it is kept
}

// Limits bounds what one client, and all of them, may take.
type Limits struct {
	Connections           int           `koanf:"connections"`             // on this node
	ConnectionsPerAddress int           `koanf:"connections_per_address"` // of one client's address, on this node; 0: no bound
	ConnectionsPerUser    int           `koanf:"connections_per_user"`    // likewise, of one user of a hub
	Handshakes            int           `koanf:"handshakes"`              // in flight
	HandshakesPerSecond   int           `koanf:"handshakes_per_second"`   // 0: as many as come
	HandshakeQueue        int           `koanf:"handshake_queue"`         // connections that wait for one
	HandshakeTimeout      time.Duration `koanf:"handshake_timeout"`       // for the request's header
	IdleTimeout           time.Duration `koanf:"idle_timeout"`            // of an HTTP connection without a request
	HeaderBytes           int           `koanf:"header_bytes"`            // of a request
	BodyBytes             int           `koanf:"body_bytes"`              // of a data-plane request
	MessageBytes          int           `koanf:"message_bytes"`           // of one message, all fragments together
	MessageFragments      int           `koanf:"message_fragments"`       // frames of one message
	MessagesPerSecond     int           `koanf:"messages_per_second"`     // of one connection; 0 is no limit
	BytesPerSecond        int           `koanf:"bytes_per_second"`        // likewise
	SendBufferBytes       int           `koanf:"send_buffer_bytes"`       // waiting for one slow reader; beyond it a position
	SocketBufferBytes     int           `koanf:"socket_buffer_bytes"`     // the kernel's send buffer per connection
	GroupsPerConnection   int           `koanf:"groups_per_connection"`   // joined at a time
	Groups                int           `koanf:"groups"`                  // open on this node at a time
	GroupNameBytes        int           `koanf:"group_name_bytes"`        // of a group's name
	WorkerQueue           int           `koanf:"worker_queue"`            // events that may wait for one worker
	UnackedMessages       int           `koanf:"unacked_messages"`        // sent to a reliable client, and not acked
	DetachedSessions      int           `koanf:"detached_sessions"`       // that wait to be written for all nodes
}

// Session is how sessions of the reliable subprotocol are kept.
type Session struct {
	Expiry     time.Duration `koanf:"expiry"`     // after the connection was lost
	Checkpoint time.Duration `koanf:"checkpoint"` // how often what has changed is written, in case the node dies
}

// Heartbeat finds connections whose other end is gone.
type Heartbeat struct {
	Interval time.Duration `koanf:"interval"` // a silent connection is pinged after this
	Timeout  time.Duration `koanf:"timeout"`  // and closed after this
}

// Log is the log's level (debug, info, warn, error) and format (text, json).
type Log struct {
	Level  string `koanf:"level"`
	Format string `koanf:"format"`
}

// Drain is how a node lets its clients go.
type Drain struct {
	Delay  time.Duration `koanf:"delay"`  // not ready, and serving still, for so long
	Window time.Duration `koanf:"window"` // then connections are closed over this
}

// Shutdown bounds the end of the process.
type Shutdown struct {
	Timeout time.Duration `koanf:"timeout"` // for clients to take what is queued and to answer the close frame
}
