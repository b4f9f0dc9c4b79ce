package redisstream

import (
	"strings"

	"github.com/tidegate/tidegate/broker"
)

// slots is how many a Cluster has.
const slots = 16384

// slotOf is the slot of a group's key; 0 where there are none.
func (b *Broker) slotOf(g broker.Group) uint16 {
	if !b.clustered {
		return 0
	}
	return slotOfKey(b.key(g))
}

// slotOfKey is the slot that a Cluster has a key in: a checksum of what stands between
// the first brace and the next that closes, or of all of it if nothing does.
func slotOfKey(key string) uint16 {
	if _, after, ok := strings.Cut(key, "{"); ok {
		if tag, _, ok := strings.Cut(after, "}"); ok && tag != "" {
			key = tag
		}
	}
	var sum uint16
	for i := range len(key) {
		sum = sum<<8 ^ crc16[byte(sum>>8)^key[i]]
	}
	return sum % slots
}

// crc16 is the table of CRC-16/XMODEM, which Cluster has chosen.
var crc16 = func() (table [256]uint16) {
	const polynomial = 0x1021
	for i := range table {
		sum := uint16(i) << 8
		for range 8 {
			carry := sum & 0x8000
			sum <<= 1
			if carry != 0 {
				sum ^= polynomial
			}
		}
		table[i] = sum
	}
	return table
}()
