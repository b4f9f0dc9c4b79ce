// Package broker is the contract between the gateway and whatever carries
// group messages from node to node. A group is a stream of messages; a
// message's place in it is its Position. The stream is the truth: whatever is
// delivered was read from it, in its order, and whatever was acknowledged is in
// it.
//
// Two brokers keep this contract: memory (one node) and redisstream (many). The
// suite in brokertest is what the contract means; both pass it.
package broker

import (
	"context"
	"errors"
	"time"
)

// Group names a stream. Both parts are part of the identity: the same name in
// two hubs is two groups.
type Group struct {
	Hub  string // lower case, without a colon
	Name string // case-sensitive, 1 to 1024 bytes, does not start with a dot
}

// String is the group as logs show it: "hub:name".
func (g Group) String() string { return g.Hub + ":" + g.Name }

// DataType says how a payload is to be shown to a client. The words are those
// of the client protocol and of the stream entries.
type DataType string

// The data types of json.webpubsub.azure.v1 that a stream carries.
const (
	JSON   DataType = "json"
	Text   DataType = "text"
	Binary DataType = "binary"
)

// Message is one thing said to a group. It is immutable once it was handed to
// Publish or to Receiver.Deliver, and may be kept for ever by either side.
type Message struct {
	Group    Group
	Position Position // set by the broker; zero before the message is in the stream
	Data     []byte   // the payload as it was sent: JSON text, UTF-8 text or bytes
	Type     DataType // how Data is to be read; empty means JSON
	User     string   // who said it, as other clients may know them; may be empty
	Exclude  string   // the connection that does not get it (noEcho); may be empty
	ID       string   // the publisher's own id of the message, for idempotence; may be empty
	Meta     string   // metadata as a JSON object of strings; may be empty
	// Lost says that this is no message but a mark, with a group and a position and nothing
	// else: of what stood before it in the stream something was lost. It is delivered, and
	// read, in its place; who goes on from its position has been told.
	Lost bool
}

// Publication is a message on its way into its stream, and the receipt that comes
// back for it.
type Publication struct {
	Message *Message
	Receipt Receipt
}

// Receipt says whose a publication is. It is the publisher's own, and comes back in
// the Outcome unread; it is passed by value, so that a message costs no closure.
type Receipt struct {
	To    any    // who is to be told; a pointer, since anything else would be copied to the heap
	ID    uint64 // which of his requests it was
	Asked bool   // whether he wants to hear of a success
}

// Outcome is what became of a publication: its position once the stream has the
// message, or ErrUnavailable (it is not in the stream) or ErrUnknown (it may be).
type Outcome struct {
	Receipt  Receipt
	Position Position
	Err      error
}

// Receiver is where a broker hands over what it reads and what became of what it
// was given. All functions are called on the broker's goroutines, or one that a Lender was
// lent, and the slices are the broker's: valid during the call. All but Published are called, for one
// group, never concurrently and in the order of its stream. They may wait when the
// node is behind: that is back-pressure, and a broker that is made to wait reads on
// later from where it stood.
type Receiver struct {
	// Published brings outcomes, one for each publication that Publish took, many at
	// a time; of one group in the order of its stream.
	Published func(outcomes []Outcome)

	// Opened ends a Subscribe. After it, exactly the messages after position at
	// are delivered. With an error the group was not opened and nothing of it
	// will be delivered; the caller may subscribe again.
	Opened func(g Group, at Position, err error)

	// Deliver hands over messages of opened groups: all that was read together, the
	// messages of a group in their order, so that what is done once for many is done
	// once.
	Deliver func(messages []*Message)

	// Gap says that messages of an opened group were lost, or trimmed before this node
	// read them: delivery goes on after position at, which may stand before what was
	// delivered last if that was lost, too. Where that is possible there is an entry at
	// the position, so that Read can go on from there. A member that has come with a
	// position beyond all that this node had delivered has it from the stream as it is
	// now, and keeps it. The mark of a loss may follow as a Lost message. Never called for a
	// group whose messages were all delivered and are still there, or are there again.
	Gap func(g Group, at Position)
}

// Broker carries the messages of groups. All methods may be called from any
// goroutine, and only Read and Close may wait.
type Broker interface {
	// Publish hands a batch over to be appended to the streams of its groups, and
	// never waits; the slice stays the caller's. The first taken of them are the
	// broker's then, and each gets one Outcome, not on the caller's goroutine. If
	// there is an error (ErrFull or ErrClosed), the one after them was refused and
	// those behind it were not looked at; none of these gets an outcome. Messages of
	// one group published by one goroutine enter the stream in the order of the calls.
	Publish(batch []Publication) (taken int, err error)

	// Subscribe opens a group for this node at the end of its stream; the
	// answer comes through Receiver.Opened. One Subscribe per group may be
	// standing at a time.
	Subscribe(g Group)

	// Unsubscribe ends what Subscribe began. Messages that were read before may
	// still be delivered shortly after.
	Unsubscribe(g Group)

	// Read returns at most limit messages of g after position after, oldest
	// first. The zero position means from the start of what is kept. ErrTrimmed says
	// that the stream no longer holds all that came after the position: then there
	// are no messages. It waits for the answer and so belongs in the pool, never in a
	// reactor.
	Read(ctx context.Context, g Group, after Position, limit int) ([]*Message, error)

	// Resume reports whether everything that was said in g after position since is
	// still in the stream, without a mark of a loss between: then a member that has
	// what is up to since misses nothing if it goes on with Read from there. Who asks
	// must be in the group already: a loss that comes afterwards it hears of there. The
	// zero position stands for the beginning of all that was ever said, and one that
	// Beginning has made for the same, when it is known that nothing had been said at a
	// time, so that what the broker lost before that is no matter; a group that was
	// forgotten after its expiry may count as one in which nothing was. A broker that
	// does not know says false. It waits, as Read.
	Resume(ctx context.Context, g Group, since Position) (whole bool, err error)

	// Last returns the newest messages of g, at most n, oldest first. It waits, as Read.
	Last(ctx context.Context, g Group, n int) ([]*Message, error)

	Store
	Presence

	// Ready is nil when messages can pass, or says what is wrong. It never waits:
	// it reports what the broker's own probe found last.
	Ready() error

	// Close ends the broker: publishes that are queued are still sent if that is
	// possible at once, every outcome is told, and no goroutine stays.
	Close() error
}

// Lender is what a broker may be besides: one that a publisher can spare the way over
// another goroutine.
type Lender interface {
	// PublishLent is Publish for a caller who lends the broker his goroutine; it never
	// waits either. What can be read at once is handed over on it before PublishLent
	// returns, outcomes too: at most one call of Deliver and one of Published, of a
	// receiver of his own that has only these. They must not wait, nor call the broker.
	// What they get may include what others have published, and no mark of a loss; all
	// else goes its usual way. For one group the calls of all receivers, together, are
	// never concurrent and in the order of its stream.
	PublishLent(batch []Publication, to *Receiver) (taken int, err error)
}

// Store keeps small values beside the streams, for all nodes; each goes away after its
// time unless it is put again. What Put has answered for, Get of any node finds. The
// methods wait for the answer and so belong in the pool, never in a reactor; errors are
// ErrUnavailable and ErrClosed.
type Store interface {
	// Put sets all of them, in one round.
	Put(ctx context.Context, values []Value) error
	// Get returns what was put under a key, or nil if there is nothing.
	Get(ctx context.Context, key string) ([]byte, error)
	// Take is Get that also deletes; of several that take at once, one gets it.
	Take(ctx context.Context, key string) ([]byte, error)
}

// Value is one entry of a Store.
type Value struct {
	Key   string // words joined by slashes, such as session/id
	Data  []byte
	Lives time.Duration // from now; at least a millisecond
}

// Limits are the bounds that every broker keeps.
type Limits struct {
	Capacity      int           // messages kept per group, at least; older ones may go
	GroupExpiry   time.Duration // a group that nobody spoke in for this long is forgotten
	QueueMessages int           // messages waiting for the stream; beyond it Publish says ErrFull
	QueueBytes    int           // and the sum of their sizes
	WriteTimeout  time.Duration // a publish that is not in the stream after this has failed
}

// What Publish, an Outcome and Read may answer. Wrapped, so compare with errors.Is.
var (
	// ErrFull: the queue towards the stream is full. Nothing was stored.
	ErrFull = errors.New("broker: publish queue is full")
	// ErrUnavailable: the stream could not be reached. Nothing was stored.
	ErrUnavailable = errors.New("broker: unavailable")
	// ErrUnknown: the stream may or may not have the message; the answer was lost.
	ErrUnknown = errors.New("broker: outcome unknown")
	// ErrTrimmed: what came after the position is no longer all there.
	ErrTrimmed = errors.New("broker: the stream no longer holds what came after the position")
	// ErrClosed: the broker was closed.
	ErrClosed = errors.New("broker: closed")
)
