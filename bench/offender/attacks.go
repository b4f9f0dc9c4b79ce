package offender

// withKey has the gateway ask for a key. Members need no token all the same: their hub
// is open, and a token that is there must be right.
var withKey = []string{
	"keys=0123456789abcdef0123456789abcdef", "auth.anonymous=chat",
	"auth.anonymous_roles=webpubsub.joinLeaveGroup,webpubsub.sendToGroup",
}

// rateLimited counts who sent more than limits.messages_per_second and bytes_per_second.
const rateLimited = `tidegate_closes_total{reason="rate_limit"}`

// Attacks are all that there are, in the order in which they are tried. Their rates
// leave most of the machine, which offenders share with everybody else, to the others.
var Attacks = append(append(atTheDoor, inside...), overload...)

// atTheDoor are attacks of who is not let in.
var atTheDoor = []Attack{
	{
		Name: "silent", About: "5000 connect and say nothing, and come again when they are closed",
		Settings: []string{"limits.handshake_timeout=3s"}, offenders: 5000, perSecond: 2500, visit: silent,
		Wants: []string{ended}, May: []string{held, "http 503", wasReset}, Grows: 64,
		Counted: []string{`app_errors_total{reason="handshake_timeout"}`},
	},
	{
		Name: "slow-headers", About: "2000 send a handshake without end, a byte each half second",
		Settings: []string{"limits.handshake_timeout=3s"}, offenders: 2000, perSecond: 1000, visit: dripHeaders,
		Wants: []string{ended + "|" + wasReset}, May: []string{held, "http 400", "http 503"}, Grows: 64,
		Counted: []string{`app_errors_total{reason="handshake_timeout"}`},
	},
	{
		Name: "endless-headers", About: "300 a second send headers without end, as fast as they are taken",
		offenders: 50, perSecond: 300, visit: endlessHeaders,
		Wants: []string{"http 431"}, May: []string{held, wasReset, ended, "http 503"}, Grows: 32,
		Counted: []string{`app_errors_total{reason="header_limit"}`},
	},
	{
		Name: "garbage", About: "1000 a second say what is no HTTP: TLS, SSH, SMTP, half a request",
		offenders: 50, perSecond: 1000, visit: garbage,
		Wants: []string{"http 400", "http 505"}, May: []string{held, "http 503"}, Grows: 32,
	},
	{
		Name: "vanish", About: "2000 a second connect, ask for a WebSocket, and reset, half of them before the answer",
		offenders: 100, perSecond: 2000, visit: vanish,
		Wants: []string{vanished}, May: []string{held, "http 503", wasReset}, Grows: 32,
		Counted: []string{`app_errors_total{reason="handshake"}`, `tidegate_closes_total{reason="client_gone"}`},
	},
	{
		Name: "crowd", About: "2000 come from one address, of which 1200 may be, and stay or come again",
		Settings: []string{"limits.connections_per_address=1200"}, offenders: 2000, perSecond: 1000, alone: true, visit: stay,
		Wants: []string{held, "http 429"}, May: []string{"http 503"}, Grows: 32,
		Counted: []string{`app_errors_total{reason="address_limit"}`},
	},
	{
		Name: "wrong-token", About: "1000 a second shake hands with tokens that are forged, unsigned, cut or none",
		Settings: withKey, offenders: 50, perSecond: 1000, visit: wrongToken,
		Wants: []string{"http 401"}, May: []string{held, "http 503"}, Grows: 32,
		Counted: []string{
			`app_errors_total{reason="unauthorized"}`, `tidegate_tokens_refused_total{reason="signature"}`,
			`tidegate_tokens_refused_total{reason="algorithm"}`, `tidegate_tokens_refused_total{reason="malformed"}`,
		},
	},
	{
		Name: "no-key", About: "2000 requests a second to the data plane, without a key or with a wrong one",
		Settings: withKey, offenders: 10, perSecond: 100, visit: keyless,
		Wants: []string{"http 401"}, May: []string{held}, Grows: 32,
		Counted: []string{`app_errors_total{reason="unauthorized"}`},
	},
}

// inside are attacks of who is let in and keeps no rule, or none but the rules.
var inside = []Attack{
	{
		Name: "mute", About: "2000 come and never answer a ping, as if their network had gone, and come again",
		Settings: []string{"heartbeat.interval=2s", "heartbeat.timeout=4s"}, offenders: 2000, perSecond: 1000, visit: mute,
		Wants: []string{"close 1008"}, May: []string{held, "http 503"}, Grows: 32,
		Counted: []string{`tidegate_closes_total{reason="heartbeat_timeout"}`},
	},
	{
		Name: "slow-frames", About: "1000 send a message of a megabyte, a byte each 200 ms",
		offenders: 1000, perSecond: 1000, visit: dripFrames,
		Wants: []string{held}, May: []string{"http 503"}, Grows: 32,
	},
	{
		Name: "huge", About: "500 a second announce a message of 2^62 bytes",
		offenders: 50, perSecond: 500, visit: huge,
		Wants: []string{"close 1009"}, May: []string{held, "http 503"}, Grows: 32,
		Counted: []string{`tidegate_closes_total{reason="too_big"}`},
	},
	{
		Name: "nonsense", About: "500 a second break RFC 6455: bad UTF-8, no mask, reserved opcode, reserved bit",
		offenders: 50, perSecond: 500, visit: nonsense,
		Wants: []string{"close 1002", "close 1007"}, May: []string{held, "http 503"}, Grows: 32,
		Counted: []string{`tidegate_closes_total{reason="protocol_error"}`, `tidegate_closes_total{reason="bad_utf8"}`},
	},
	{
		Name: "bombs", About: "50 a second send 16 KiB that inflate to 16 MiB",
		Settings: []string{"compression.enabled=true"}, offenders: 10, perSecond: 50, visit: bombs,
		Wants: []string{"close 1009"}, May: []string{held, "http 503"}, Grows: 48,
		Counted: []string{`tidegate_closes_total{reason="too_big"}`},
	},
	{
		Name: "deaf", About: "2000 never read, eight in a group, while 2 more say 11 MB a second in these",
		Settings: []string{"limits.send_buffer_bytes=64KiB"}, offenders: 2000 + speakers, perSecond: 1000, visit: deaf,
		Wants: []string{held}, May: []string{"close 1008", "http 503", wasReset}, Grows: 200,
		Counted: []string{"tidegate_fell_behind_total"},
	},
}

// overload are attacks of who keeps every rule but asks too much.
var overload = []Attack{
	{
		Name: "pings", About: "20 send 5000 pings a second each",
		offenders: 20, perSecond: 20, visit: pings,
		Wants: []string{"close 1008"}, May: []string{held, "http 503", wasReset}, Grows: 32,
		Counted: []string{rateLimited},
	},
	{
		Name: "fragments", About: "20 send a message that has no end in frames of one byte, 5000 a second each",
		Settings: []string{"limits.message_fragments=4096"}, offenders: 20, perSecond: 20, visit: fragments,
		Wants: []string{"close 1008"}, May: []string{held, "http 503", wasReset}, Grows: 32,
		Counted: []string{`tidegate_closes_total{reason="too_many_fragments"}`},
	},
	{
		Name: "empties", About: "4 simple clients send 5000 empty messages a second each",
		offenders: 4, perSecond: 20, visit: empties,
		Wants: []string{"close 1008"}, May: []string{held, "close 1013", "http 503", wasReset}, Grows: 48,
		Counted: []string{rateLimited},
	},
	{
		Name: "joins", About: "4 join and leave 2500 groups a second each that nobody has named before",
		offenders: 4, perSecond: 20, visit: joins,
		Wants: []string{"close 1008"}, May: []string{held, "http 503", wasReset}, Grows: 48,
		Counted: []string{rateLimited},
	},
	{
		Name: "publishes", About: "4 publish 5000 messages a second each",
		offenders: 4, perSecond: 20, visit: publishes,
		Wants: []string{"close 1008"}, May: []string{held, "http 503", wasReset}, Grows: 48,
		Counted: []string{rateLimited},
	},
	{
		Name: "new-groups", About: "4 publish 5000 messages a second each, every one to a group of its own",
		offenders: 4, perSecond: 20, visit: newGroups,
		Wants: []string{"close 1008"}, May: []string{held, "http 503", wasReset}, Grows: 48,
		Counted: []string{rateLimited},
	},
	{
		Name: "bulk", About: "2 publish 40 MB a second each, 800 KiB a message",
		offenders: 2, perSecond: 20, visit: bulk,
		Wants: []string{"close 1008"}, May: []string{held, "http 503", wasReset}, Grows: 500,
		Counted: []string{rateLimited},
	},
}
