package reactor

import "github.com/lesismal/nbio/mempool"

var _ mempool.Allocator = backlog{}

// backlog allocates the buffers that nbio keeps for what the kernel did not take.
// They are few and small (remnant), so the garbage collector may have them: nbio's
// own pool mixes sizes, and would give a buffer of megabytes to hold ten bytes.
type backlog struct{}

// Malloc returns a buffer of size bytes.
func (backlog) Malloc(size int) *[]byte {
	b := make([]byte, size)
	return &b
}

// Realloc returns a buffer of size bytes that begins with what is in b.
func (backlog) Realloc(b *[]byte, size int) *[]byte {
	if size <= cap(*b) {
		*b = (*b)[:size]
		return b
	}
	larger := backlog{}.Malloc(size)
	copy(*larger, *b)
	return larger
}

// Append appends to the buffer.
func (backlog) Append(b *[]byte, more ...byte) *[]byte {
	*b = append(*b, more...)
	return b
}

// AppendString appends to the buffer.
func (backlog) AppendString(b *[]byte, more string) *[]byte {
	*b = append(*b, more...)
	return b
}

// Free leaves the buffer to the garbage collector.
func (backlog) Free(*[]byte) {}
