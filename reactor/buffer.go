package reactor

import (
	"slices"
	"sync"
)

// longBuffers are where messages longer than a read were, for the next such messages, until
// the garbage collector comes by: to make one anew the kernel finds a page for each 4 KiB of
// it, which takes about as long as to read what fills them. The i-th pool has those of
// i+2 times readBuffer.
var longBuffers [15]sync.Pool

// longBuffer returns an empty buffer for a message of size bytes, which is more than
// readBuffer. It may be up to one readBuffer larger.
func longBuffer(size int) []byte {
	class := (size+readBuffer-1)/readBuffer - 2
	if class >= len(longBuffers) {
		return make([]byte, 0, size)
	}
	if b, ok := longBuffers[class].Get().(*[]byte); ok {
		return (*b)[:0]
	}
	return make([]byte, 0, (class+2)*readBuffer)
}

// recycle takes the buffer of a message that nobody needs any more, of whatever size. What is
// not longBuffer's is left to the collector.
func recycle(b []byte) {
	if class := cap(b)/readBuffer - 2; class >= 0 && class < len(longBuffers) && cap(b)%readBuffer == 0 {
		kept := b // of its own, so that only a long message has the slice allocated
		longBuffers[class].Put(&kept)
	}
}

// foresight is how many times as large as what has come a message's buffer may be: the larger
// it is, the less often a long message is copied.
const foresight = 4

// add appends to the message. A part is of a frame that says how long it is.
func (u *unfinished) add(part []byte) {
	if need := len(u.message) + len(part); need > cap(u.message) {
		u.grow(min(need+int(u.header.Length-u.got), foresight*need))
	}
	u.message = append(u.message, part...)
}

// grow makes room for a message of size bytes.
func (u *unfinished) grow(size int) {
	if size <= readBuffer {
		u.message = slices.Grow(u.message, size-len(u.message))
		return
	}
	old := u.message
	u.message = append(longBuffer(size), old...)
	recycle(old)
}
