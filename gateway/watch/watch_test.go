package watch

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestRead: a file is read whole, and what is none or too large is refused at once, a
// pipe that nobody writes to among it.
func TestRead(t *testing.T) {
	dir := t.TempDir()
	path, pipe := filepath.Join(dir, "file"), filepath.Join(dir, "pipe")
	if err := os.WriteFile(path, []byte("1234"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := Read(path, 4); err != nil || string(got) != "1234" {
		t.Errorf("got %q, %v", got, err)
	}
	f := func(path, want string) {
		t.Helper()
		if got, err := Read(path, 3); err == nil || got != nil || !strings.HasPrefix(err.Error(), path+": ") || !strings.Contains(err.Error(), want) || strings.Count(err.Error(), path) != 1 {
			t.Errorf("%s: %q, %v, want %q", path, got, err, want)
		}
	}
	f(path, "larger than")
	f(pipe, "it is no file")
	f(dir, "it is no file")
	f("/dev/zero", "it is no file")
	f(filepath.Join(dir, "none"), "cannot be opened: no such file")
	f(filepath.Join(path, "below"), "cannot be opened: not a directory")
}

// TestEvery: it looks again and again, and no more after the end.
func TestEvery(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	looks := 0
	Every(ctx, time.Millisecond, func() {
		if looks++; looks == 3 {
			cancel()
		}
	})
	if looks < 3 {
		t.Errorf("it looked %d times", looks)
	}
}
