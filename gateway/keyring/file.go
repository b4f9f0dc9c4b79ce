package keyring

import (
	"crypto/sha256"
	"log/slog"

	"github.com/tidegate/tidegate/gateway/auth"
	"github.com/tidegate/tidegate/gateway/watch"
)

// maxFile is how much of a file is read. Keys are some hundred bytes each.
const maxFile = 1 << 20

// file is one that keys come from. Owned by Open, then by the goroutine that watches.
type file struct {
	path    string
	setting string // that names it
	source  string // of auth.Keys
	parse   func(content []byte, source string) ([]auth.Key, error)

	seen    [sha256.Size]byte // the content that was read last
	failing string            // the last error, so that it is logged once
}

// read returns the keys in the file, and whether its content is new. It is read whole
// each time: a mounted secret changes by a link, at the same size and time. An error
// names the file and what to do, and nothing of what is in it.
func (f *file) read() (keys []auth.Key, changed bool, err error) {
	content, err := watch.Read(f.path, maxFile)
	if err != nil {
		return nil, false, err
	}
	sum := sha256.Sum256(content)
	if sum == f.seen {
		return nil, false, nil
	}
	if keys, err = f.parse(content, f.path); err != nil {
		return nil, false, err
	}
	f.seen = sum
	return keys, true, nil
}

// look refreshes all files.
func (r *Ring) look() {
	for _, f := range r.files {
		r.refresh(f)
	}
}

// refresh takes a file's keys if it has changed. What cannot be read leaves those that
// it had in force, and is said once.
func (r *Ring) refresh(f *file) {
	keys, changed, err := f.read()
	switch {
	case err != nil && err.Error() != f.failing:
		f.failing = err.Error()
		r.counts.fileFailed.Inc()
		r.Log.Warn("a file of keys cannot be read: the keys that were in it before stay in force", "setting", f.setting, slog.Any("error", err))
	case err != nil:
	case changed:
		f.failing = ""
		r.keys.Replace(f.source, keys)
		r.counts.fileRead.Inc()
		r.Log.Info("a file of keys has changed, and is in force", "setting", f.setting, "file", f.path, "keys", len(keys))
	default:
		f.failing = ""
	}
}
