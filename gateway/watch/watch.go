// Package watch reads files that others write, again and again, and lets none of them
// keep the reader waiting or fill its memory.
package watch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// Read returns what is in a file, of most bytes at most. It does not wait for a pipe's
// writer, and takes nothing but files. An error names the file, and nothing that is in it.
func Read(path string, most int) ([]byte, error) {
	opened, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("%s: it cannot be opened: %w", path, cause(err))
	}
	defer opened.Close()
	info, err := opened.Stat()
	if err != nil {
		return nil, fmt.Errorf("%s: it cannot be read: %w", path, cause(err))
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: it is no file", path)
	}
	content, err := io.ReadAll(io.LimitReader(opened, int64(most)+1))
	if err != nil {
		return nil, fmt.Errorf("%s: it cannot be read: %w", path, cause(err))
	}
	if len(content) > most {
		return nil, fmt.Errorf("%s: it is larger than %d KiB, and so not what is wanted here", path, most>>10)
	}
	return content, nil
}

// cause is an error without the path, which is said once.
func cause(err error) error {
	var bad *fs.PathError
	if errors.As(err, &bad) {
		return bad.Err
	}
	return err
}

// Every calls look once in an interval, until ctx ends.
func Every(ctx context.Context, interval time.Duration, look func()) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			look()
		}
	}
}
