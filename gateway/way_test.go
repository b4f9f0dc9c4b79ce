package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"testing"
)

// stop is a line of the package comment: number, file, function.
var stop = regexp.MustCompile(`(?m)^\t?(\d) (\S+\.go)\s+(\w+)\s`)

// TestWay keeps the package comment of main.go true: it names nine stops, and
// each function that it names is in the file that it names.
func TestWay(t *testing.T) {
	main, err := parser.ParseFile(token.NewFileSet(), "main.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	stops := stop.FindAllStringSubmatch(main.Doc.Text(), -1)
	if len(stops) != 9 {
		t.Fatalf("the package comment names %d stops, want 9", len(stops))
	}
	for i, s := range stops {
		if s[1] != string(rune('1'+i)) {
			t.Errorf("stop %s stands at place %d", s[1], i+1)
		}
		if !declares(t, filepath.Join("..", s[2]), s[3]) {
			t.Errorf("stop %s: %s has no function %s", s[1], s[2], s[3])
		}
	}
}

// declares reports whether a file has a function or method of that name.
func declares(t *testing.T, file, name string) bool {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Error(err)
		return false
	}
	for _, d := range f.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Name.Name == name {
			return true
		}
	}
	return false
}
