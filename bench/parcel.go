package main

import (
	"encoding/binary"
	"fmt"
)

// What the bare servers speak. Numbers are big-endian and have 32 bits.
//
//	client ─▶ hello:  count, then as many groups that it is a member of
//	client ◀─ one byte, helloAck: from now on it hears its groups
//	client ─▶ parcel: length, group, then length bytes, which each member of the group
//	          gets as they are, with nothing around them
//
// The bytes are a whole WebSocket frame, so that whoever receives them does the same
// work as at a gateway; to the bare server they are only bytes.
const (
	helloAck     = 'y'
	wordBytes    = 4
	parcelHeader = 2 * wordBytes

	maxHello  = 1 << 16 // groups
	maxParcel = 2 << 20 // bytes
)

// appendHello appends the first thing that a client says.
func appendHello(dst []byte, groups []int) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(groups)))
	for _, g := range groups {
		dst = binary.BigEndian.AppendUint32(dst, uint32(g))
	}
	return dst
}

// readHello reads the hello at the start of b. size is its length, and 0 if b does
// not hold all of it yet.
func readHello(b []byte) (groups []uint32, size int, err error) {
	if len(b) < wordBytes {
		return nil, 0, nil
	}
	count := binary.BigEndian.Uint32(b)
	if count > maxHello {
		return nil, 0, fmt.Errorf("a hello of %d groups: at most %d; is this a client of bench limit?", count, maxHello)
	}
	size = wordBytes * (1 + int(count))
	if len(b) < size {
		return nil, 0, nil
	}
	for at := wordBytes; at < size; at += wordBytes {
		groups = append(groups, binary.BigEndian.Uint32(b[at:]))
	}
	return groups, size, nil
}

// appendParcel appends bytes for the members of a group.
func appendParcel(dst []byte, group int, b []byte) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(b)))
	dst = binary.BigEndian.AppendUint32(dst, uint32(group))
	return append(dst, b...)
}

// readParcel reads the parcel at the start of b: bytes is a part of b. size is 0 if
// b does not hold all of it yet.
func readParcel(b []byte) (group uint32, bytes []byte, size int, err error) {
	if len(b) < parcelHeader {
		return 0, nil, 0, nil
	}
	length := binary.BigEndian.Uint32(b)
	if length > maxParcel {
		return 0, nil, 0, fmt.Errorf("a parcel of %d bytes: at most %d; is this a client of bench limit?", length, maxParcel)
	}
	size = parcelHeader + int(length)
	if len(b) < size {
		return 0, nil, 0, nil
	}
	return binary.BigEndian.Uint32(b[wordBytes:]), b[parcelHeader:size], size, nil
}
