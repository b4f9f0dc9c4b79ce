package wire

import (
	"encoding/json"
	"iter"
	"testing"
)

// TestDecodePresence: presence is true, false or not there.
func TestDecodePresence(t *testing.T) {
	for frame, want := range map[string]bool{
		`{"type":"joinGroup","group":"g","presence":true}`:  true,
		`{"type":"joinGroup","group":"g","presence":false}`: false,
		`{"type":"joinGroup","group":"g","presence":null}`:  false,
		`{"type":"joinGroup","group":"g"}`:                  false,
		`{"type":"leaveGroup","group":"g","presence":7}`:    false,
	} {
		var r Request
		if err := new(Decoder).Decode([]byte(frame), &r); err != nil || r.Presence != want {
			t.Errorf("%s: %v, %v", frame, r.Presence, err)
		}
	}
	f := refused(t)
	f(`{"type":"joinGroup","group":"g","presence":1}`, FaultPresence)
	f(`{"type":"joinGroup","group":"g","presence":"true"}`, FaultPresence)
	f(`{"type":"joinGroup","group":"g","presence":true,"presence":true}`, FaultTwice)
}

// TestAppendPresence: the frames as clients read them.
func TestAppendPresence(t *testing.T) {
	members := func(all ...string) iter.Seq2[string, string] {
		return func(yield func(string, string) bool) {
			for i := 0; i < len(all); i += 2 {
				if !yield(all[i], all[i+1]) {
					return
				}
			}
		}
	}
	f := func(p Presence, want string) {
		t.Helper()
		got := AppendPresence(nil, p)
		if string(got) != want || !json.Valid(got) {
			t.Errorf("got\n%s, want\n%s", got, want)
		}
	}
	f(Presence{Group: "g", Event: Snapshot, Members: members()}, `{"type":"presence","group":"g","event":"snapshot","members":[]}`)
	f(Presence{Group: "g", Event: Snapshot, Members: members("c", "ann", "d", ""), More: true},
		`{"type":"presence","group":"g","event":"snapshot","members":[{"connectionId":"c","userId":"ann"},{"connectionId":"d"}],"more":true}`)
	f(Presence{Group: `"`, Event: Joined, Members: members("c", "\n")},
		`{"type":"presence","group":"\"","event":"join","members":[{"connectionId":"c","userId":"\n"}]}`)
	f(Presence{Group: "g", Event: Left, Members: members("c", "")}, `{"type":"presence","group":"g","event":"leave","members":[{"connectionId":"c"}]}`)
}
