package api

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/VictoriaMetrics/metrics"
)

// TestDescriptors: the counts are what the library's listing gives, also of many.
func TestDescriptors(t *testing.T) {
	for range 50 {
		f, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = f.Close() })
	}
	read := func(write func(*bytes.Buffer)) map[string]int {
		var page bytes.Buffer
		write(&page)
		values := make(map[string]int)
		for line := range strings.Lines(page.String()) {
			if name, value, ok := strings.Cut(strings.TrimSpace(line), " "); ok && name != "#" {
				values[name], _ = strconv.Atoi(value)
			}
		}
		return values
	}
	ours := read(writeDescriptors)
	theirs := read(func(page *bytes.Buffer) { metrics.WriteFDMetrics(page) })
	// Whoever lists has the directory open.
	if n, m := ours["process_open_fds"], theirs["process_open_fds"]; n < 50 || m-n < 0 || m-n > 1 {
		t.Errorf("%d descriptors are open, and the library counts %d", n, m)
	}
	if n, m := ours["process_max_fds"], theirs["process_max_fds"]; n == 0 || n != m {
		t.Errorf("%d may be, and the library says %d", n, m)
	}
}
