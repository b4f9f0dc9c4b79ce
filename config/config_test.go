package config

import (
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// write makes a file of settings.
func write(t *testing.T, content string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "tidegate.yaml")
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// load is Load of sources that are right.
func load(t *testing.T, s Sources) *Loaded {
	t.Helper()
	l, err := Load(s)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// refused is the error of sources that are wrong.
func refused(t *testing.T, s Sources) string {
	t.Helper()
	_, err := Load(s)
	if err == nil {
		t.Errorf("%+v was accepted", s)
		return ""
	}
	return err.Error()
}

// flag is one flag as the only source.
func flag(key, value string) Sources { return Sources{Flags: map[string]string{key: value}} }

// env is the environment as the only source.
func env(entries ...string) Sources { return Sources{Environ: entries} }
