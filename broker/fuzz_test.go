package broker

import (
	"math/big"
	"regexp"
	"strings"
	"testing"
)

var positionText = regexp.MustCompile(`^[0-9]+-[0-9]+$`)

// FuzzPosition: a text is a position if it is two numbers of 64 bits, and what is written
// of it is read as the same; positions are in one order.
func FuzzPosition(f *testing.F) {
	f.Add("1790000000000-0", "0-0")
	f.Add("18446744073709551615-18446744073709551615", "18446744073709551616-0")
	f.Add("1-2-3", "+1--0")
	f.Add("0x1-1_0", "٣-1")
	f.Fuzz(func(t *testing.T, text, other string) {
		p, err := ParsePosition(text)
		want := positionText.MatchString(text)
		for part := range strings.SplitSeq(text, "-") {
			n, ok := new(big.Int).SetString(part, 10)
			want = want && ok && n.IsUint64()
		}
		if (err == nil) != want {
			t.Fatalf("%q is read as %v, %v", text, p, err)
		}
		if again, bad := ParsePosition(p.String()); bad != nil || again != p {
			t.Fatalf("%v is read again as %v, %v", p, again, bad)
		}
		q, _ := ParsePosition(other)
		if c := p.Compare(q); c != -q.Compare(p) || (c < 0) != p.Before(q) || (c == 0) != (p == q) || p.IsZero() && q.Before(p) {
			t.Fatalf("%v and %v: %d", p, q, c)
		}
		if at, ok := p.Empty(); ok && at.UnixMilli() > 0 && Beginning(at) != p {
			t.Fatalf("%v is the beginning as of %v, and that is %v", p, at, Beginning(at))
		}
	})
}
