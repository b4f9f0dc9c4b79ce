package main

import "slices"

// Arrival is what one number means where it arrives.
type Arrival uint8

// What Observe answers.
const (
	InOrder    Arrival = iota // the one that was due
	Ahead                     // numbers before it have not come: lost, unless they still do
	Reordered                 // one of those, late
	Duplicated                // came before
)

// Sequence is the bookkeeping of one numbered series at one receiver: what came,
// what came twice, what came in the wrong order and what is missing. The zero
// value expects 0. Pure, and not safe for concurrent use.
//
// A series that is whole costs one comparison a number; only holes take room.
type Sequence struct {
	next    uint64 // the highest number seen, plus one
	missing []span // holes below next, ascending and disjoint
}

// span is the numbers from first up to and without end.
type span struct{ first, end uint64 }

// Observe notes that n arrived.
func (s *Sequence) Observe(n uint64) Arrival {
	switch {
	case n == s.next:
		s.next++
		return InOrder
	case n > s.next:
		s.missing = append(s.missing, span{s.next, n})
		s.next = n + 1
		return Ahead
	}
	i, ok := s.hole(n)
	if !ok {
		return Duplicated
	}
	h := s.missing[i]
	switch {
	case h.end-h.first == 1:
		s.missing = slices.Delete(s.missing, i, i+1)
	case n == h.first:
		s.missing[i].first++
	case n == h.end-1:
		s.missing[i].end--
	default:
		s.missing[i].end = n
		s.missing = slices.Insert(s.missing, i+1, span{n + 1, h.end})
	}
	return Reordered
}

// Has reports whether n arrived.
func (s *Sequence) Has(n uint64) bool {
	if n >= s.next {
		return false
	}
	_, ok := s.hole(n)
	return !ok
}

// Missing calls yield with each number below end that has not arrived.
func (s *Sequence) Missing(end uint64, yield func(n uint64)) {
	for _, h := range s.missing {
		for n := h.first; n < min(h.end, end); n++ {
			yield(n)
		}
	}
	for n := s.next; n < end; n++ {
		yield(n)
	}
}

// hole finds the hole that n lies in.
func (s *Sequence) hole(n uint64) (i int, ok bool) {
	return slices.BinarySearchFunc(s.missing, n, func(h span, n uint64) int {
		switch {
		case h.end <= n:
			return -1
		case h.first > n:
			return 1
		}
		return 0
	})
}
