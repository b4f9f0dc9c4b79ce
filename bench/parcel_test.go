package main

import (
	"encoding/binary"
	"fmt"
	"slices"
	"testing"
)

func TestHello(t *testing.T) {
	f := func(groups ...int) {
		t.Helper()
		whole := appendHello(nil, groups)
		got, size, err := readHello(append(whole, "rest"...))
		if err != nil || size != len(whole) || len(got) != len(groups) {
			t.Fatalf("%v: %v, %d bytes of %d, %v", groups, got, size, len(whole), err)
		}
		for i, g := range groups {
			if got[i] != uint32(g) {
				t.Errorf("%v: %v", groups, got)
			}
		}
		for n := range whole {
			if _, size, err := readHello(whole[:n]); size != 0 || err != nil {
				t.Errorf("%d bytes of %d are taken for a hello of %d: %v", n, len(whole), size, err)
			}
		}
	}
	f()
	f(0)
	f(7, 0, 1<<31)
	if _, _, err := readHello(binary.BigEndian.AppendUint32(nil, maxHello+1)); err == nil {
		t.Error("a hello without a bound is read")
	}
}

func TestParcel(t *testing.T) {
	f := func(group int, text string) {
		t.Helper()
		whole := appendParcel(nil, group, []byte(text))
		g, b, size, err := readParcel(append(whole, "rest"...))
		if int(g) != group || string(b) != text || size != len(whole) || err != nil {
			t.Errorf("%d %q: %d %q, %d bytes, %v", group, text, g, b, size, err)
		}
		for n := range whole {
			if _, _, size, err := readParcel(whole[:n]); size != 0 || err != nil {
				t.Errorf("%d bytes of %d are taken for a parcel of %d: %v", n, len(whole), size, err)
			}
		}
	}
	f(0, "")
	f(1<<31, "x")
	f(3, "some bytes")
	if _, _, _, err := readParcel(binary.BigEndian.AppendUint64(nil, (maxParcel+1)<<32)); err == nil {
		t.Error("a parcel without a bound is read")
	}
}

// things reads a client's bytes as a Relay does, in pieces of so many bytes, and puts
// what came out into words.
func things(stream []byte, piece int) (words string, err error) {
	var in []byte
	greeted := false
	next := func() (size int, err error) {
		if !greeted {
			var groups []uint32
			if groups, size, err = readHello(in); size > 0 {
				greeted = true
				words += fmt.Sprint(groups)
			}
			return size, err
		}
		group, b, size, err := readParcel(in)
		if size > 0 {
			words += fmt.Sprintf(" %d %q", group, b)
		}
		return size, err
	}
	for part := range slices.Chunk(stream, piece) {
		in = append(in, part...)
		for size := -1; size != 0; in = in[size:] {
			if size, err = next(); err != nil {
				return words, err
			}
		}
	}
	return words, nil
}

// FuzzParcels: no bytes make the reader panic or read outside, and how they are cut
// makes no difference.
func FuzzParcels(f *testing.F) {
	f.Add(appendParcel(appendHello(nil, []int{1, 2}), 1, []byte("hello")), 3)
	f.Add(appendParcel(appendParcel(appendHello(nil, nil), 1<<20, nil), 1, []byte("hello")), 1)
	f.Add([]byte{0xff, 0xff, 0xff, 0xff}, 1)
	f.Add([]byte{0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0}, 5)
	f.Fuzz(func(t *testing.T, stream []byte, piece int) {
		if len(stream) == 0 || len(stream) > 4096 {
			return
		}
		whole, err := things(stream, len(stream))
		cut, cutErr := things(stream, 1+max(piece, 0)%len(stream))
		if whole != cut || (err == nil) != (cutErr == nil) {
			t.Errorf("whole: %s, %v; in pieces of %d: %s, %v", whole, err, piece, cut, cutErr)
		}
	})
}
