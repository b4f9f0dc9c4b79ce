package main

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// scene runs a scene against the real gateway and reads its JSON into result.
func scene(t *testing.T, want int, result any, args ...string) (stdout string) {
	t.Helper()
	dir := t.TempDir()
	gateway, file := filepath.Join(dir, "gateway"), filepath.Join(dir, "result.json")
	if out, err := exec.Command("go", "build", "-o", gateway, "../gateway").CombinedOutput(); err != nil {
		t.Fatalf("building the gateway: %v\n%s", err, out)
	}
	args = append(args, "--gateway", gateway, "--json", file)
	code, stdout, stderr := bench(context.Background(), args...)
	if code != want {
		t.Fatalf("bench %s: exit code %d, want %d\n%s\n%s", strings.Join(args, " "), code, want, stdout, stderr)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, result); err != nil {
		t.Fatalf("%v in %s", err, b)
	}
	return stdout
}

// The real gateway in four sizes: each has its cell, and the heap has the names of
// what a connection is made of.
func TestBinaryIdleMatrix(t *testing.T) {
	t.Parallel()
	var m Matrix
	stdout := scene(t, exitDone, &m, "idle", "--connections", "20,40", "--groups-per-connection", "0,3", "--duration", "3s", "--heap", "--quiet")
	var sizes [][2]int
	for _, i := range m.Cells {
		sizes = append(sizes, [2]int{i.Connections, i.Groups})
		if i.BaseRSS <= 0 || i.RSS <= 0 {
			t.Errorf("no memory in %+v", i)
		}
	}
	if want := [][2]int{{20, 0}, {20, 3}, {40, 0}, {40, 3}}; len(sizes) != 4 || [4][2]int(sizes) != [4][2]int(want) {
		t.Errorf("cells %v, want %v", sizes, want)
	}
	// A connection has a session and a membership, whatever else there is.
	for _, want := range []string{"hub.(*Group[...]).Join", "bytes of heap a connection at 40 connections"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("no %q in\n%s", want, stdout)
		}
	}
}
