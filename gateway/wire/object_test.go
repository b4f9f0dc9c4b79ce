package wire

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"unsafe"
)

// TestObject: names without escapes, values as they stand, the end and what is
// behind it.
func TestObject(t *testing.T) {
	f := func(frame, want string, good bool) {
		t.Helper()
		var o object
		var got []string
		for o.open([]byte(frame), lax); o.next(); {
			got = append(got, string(o.name)+"="+string(o.value))
		}
		if s := strings.Join(got, "|"); s != want || (o.err == nil) != good {
			t.Errorf("%s: got %s, %v; want %s, good %v", frame, s, o.err, want, good)
		}
		if o.next() {
			t.Errorf("%s: a member after the end", frame)
		}
	}
	f(`{}`, "", true)
	f(` { "a" : 1 , "b\n" : [ {} ] } `, "a=1|b\n=[ {} ]", true)
	f(`{"a":"x\"y","a":null}`, `a="x\"y"|a=null`, true)
	f(`{"a":1}{`, "a=1", false)
	f(`{"a":1,`, "a=1", false)
	f(`{"a":1]`, "a=1", false)
	f(`{"a"`, "", false)
	f(`[1]`, "", false)
	f(``, "", false)
}

// TestObjectIsReusable: a parser that failed in the middle reads the next frame as
// if nothing had been.
func TestObjectIsReusable(t *testing.T) {
	o := new(object)
	good := textFrame(8)
	for _, bad := range []string{`{"type":[[[`, `{"a":1}x`, `[`, `{"\ud800":1}`, strings.Repeat(`{"a":`, 50)} {
		var r Request
		if err := o.request([]byte(bad), &r, new(names)); err == nil {
			t.Errorf("%s was read", bad)
		}
		if err := o.request(good, &r, new(names)); err != nil || string(r.Data) != "xxxxxxxx" {
			t.Errorf("after %s: %q, %v", bad, r.Data, err)
		}
	}
}

// TestRelease: a parser that waits for its next frame does not keep a large one
// alive, and one that read a small frame keeps what makes it cheap.
func TestRelease(t *testing.T) {
	f := func(size int, metadata string, kept bool) {
		t.Helper()
		data := []byte(strings.Repeat("x", size))
		frame := appendRequest(nil, &Request{Kind: SendToGroup, Group: "g", Type: Text, Data: data, Metadata: []byte(metadata)})
		o := new(object)
		var r Request
		if err := o.request(frame, &r, new(names)); err != nil {
			t.Fatal(err)
		}
		o.release()
		if (o.frame != nil) != kept || (o.source.Cap() > 0) != kept {
			t.Errorf("%d bytes: kept %v, want %v", len(frame), !kept, kept)
		}
		if len(r.Data) != size || strings.Trim(string(r.Data), "x") != "" {
			t.Errorf("%d bytes: the request did not outlive the parser", len(frame))
		}
	}
	f(64, `{}`, true)
	f(64, `{"k":"v"}`, true)
	f(largeFrame, `{}`, false)
	f(largeFrame, `{"k":"v"}`, false)
}

// TestDecodersBeside: each worker's decoder reads frame after frame, and what it
// returned before stays as it was. The race detector sees to it that they share nothing.
func TestDecodersBeside(t *testing.T) {
	var workers sync.WaitGroup
	for w := range 8 {
		workers.Go(func() {
			var d Decoder
			var before Request
			for i := range 500 {
				group := fmt.Sprintf("group-%d-%d", w, i%7)
				text := strings.Repeat("y\n", i%50)
				frame := appendRequest(nil, &Request{Kind: SendToGroup, Group: group, AckID: uint64(i), HasAckID: true, Type: Text, Data: []byte(text)})
				var r Request
				if err := d.Decode(frame, &r); err != nil || r.Group != group || r.AckID != uint64(i) || string(r.Data) != text {
					t.Errorf("worker %d, frame %d: %+v, %v", w, i, r, err)
				}
				if want := fmt.Sprintf("group-%d-%d", w, (i+6)%7); i > 0 && before.Group != want {
					t.Errorf("the name before has become %s, want %s", before.Group, want)
				}
				before = r
			}
		})
	}
	workers.Wait()
}

// TestNames: a name is kept once, whoever says it, and not what would cost too much.
func TestNames(t *testing.T) {
	var n names
	frame := []byte("lobby")
	a := n.of(frame)
	copy(frame, "XXXXX") // the frame is the reactor's again
	if b := n.of([]byte("lobby")); a != "lobby" || unsafe.StringData(a) != unsafe.StringData(b) {
		t.Errorf("%q and %q are two copies", a, b)
	}
	long := []byte(strings.Repeat("x", maxName+1))
	if n.of(long) != string(long) || len(n.known) != 1 {
		t.Error("a long name was kept")
	}
	for i := range 2*maxNames + 10 {
		if want := fmt.Sprint(i); n.of([]byte(want)) != want {
			t.Fatalf("%s is not itself", want)
		}
		if len(n.known) > maxNames {
			t.Fatalf("%d names are kept, want at most %d", len(n.known), maxNames)
		}
	}
}
