//go:build ignore

// Shape counts what can be counted of readability, in every Go file below the
// folder that it is given, and fails when a limit is passed: `go run
// scripts/shape.go .`. What it prints at the end is the measure that the project
// compares itself with others by. It is built by nothing else, hence the
// constraint above.
package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// The limits. A median comes by itself; it is the tail that has to be watched.
const (
	maxFile       = 400 // lines of a file
	maxFunction   = 60  // lines of a function
	maxDepth      = 4   // blocks in each other, the function's own included
	maxInterfaces = 6   // in the whole program, tests aside
)

// shape is what was counted so far.
type shape struct {
	files     *token.FileSet
	faults    []string
	packages  map[string]bool // folder -> one of its files says what the package is
	fileSizes []int
	funcSizes []int
	interfaces,
	lines, comments, testLines int
}

func main() {
	s := shape{files: token.NewFileSet(), packages: make(map[string]bool)}
	root := "."
	if len(os.Args) > 1 {
		root = os.Args[1]
	}
	if err := filepath.WalkDir(root, s.visit); err != nil {
		fmt.Fprintln(os.Stderr, "shape:", err)
		os.Exit(1)
	}
	s.wholeProgram()
	s.print()
	if len(s.faults) > 0 {
		os.Exit(1)
	}
}

// visit reads one Go file. Folders that hold other people's code are left out.
func (s *shape) visit(path string, d fs.DirEntry, err error) error {
	if err != nil {
		return err
	}
	if d.IsDir() && (d.Name() == "node_modules" || d.Name() == "testdata" || len(d.Name()) > 1 && d.Name()[0] == '.') {
		return filepath.SkipDir
	}
	if d.IsDir() || !strings.HasSuffix(path, ".go") {
		return nil
	}
	source, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	f, err := parser.ParseFile(s.files, path, source, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	s.file(path, f, bytes.Count(source, []byte("\n")))
	return nil
}

// file counts one file. Tests have the same limits of size; what only readers of
// the program need, documentation above all, is asked of the program alone.
func (s *shape) file(path string, f *ast.File, lines int) {
	if lines > maxFile {
		s.faults = append(s.faults, fmt.Sprintf("%s: %d lines, want at most %d: split it by noun or verb", path, lines, maxFile))
	}
	test := strings.HasSuffix(path, "_test.go")
	for _, d := range f.Decls {
		s.declaration(d, test)
	}
	ast.Inspect(f, func(n ast.Node) bool { return s.node(n, test) })
	if test {
		s.testLines += lines
		return
	}
	folder := filepath.Dir(path)
	s.packages[folder] = s.packages[folder] || f.Doc != nil
	s.fileSizes = append(s.fileSizes, lines)
	s.lines += lines
	for _, group := range f.Comments {
		s.comments += s.line(group.End()) - s.line(group.Pos()) + 1
	}
}

// declaration checks a function's size, and that what is exported is documented.
func (s *shape) declaration(d ast.Decl, test bool) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		lines := s.line(d.End()) - s.line(d.Pos()) + 1
		if lines > maxFunction {
			s.fault(d, "%s has %d lines, want at most %d", d.Name.Name, lines, maxFunction)
		}
		if test {
			return
		}
		s.funcSizes = append(s.funcSizes, lines)
		if n := depth(d.Body); n > maxDepth {
			s.fault(d, "%s has %d blocks in each other, want at most %d: return early, or name the inner part", d.Name.Name, n, maxDepth)
		}
		if reachable(d) {
			s.documented(d.Name, d.Doc)
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			if t, ok := spec.(*ast.TypeSpec); ok && !test {
				s.documented(t.Name, d.Doc, t.Doc)
			}
		}
	}
}

// reachable reports whether a function can be documented to anybody outside: a
// method of an unexported type is there for an interface, which has the contract.
func reachable(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	exported := false
	ast.Inspect(d.Recv.List[0].Type, func(n ast.Node) bool {
		name, ok := n.(*ast.Ident)
		exported = exported || ok && name.IsExported()
		return !ok
	})
	return exported
}

// documented is a fault if an exported name has no comment.
func (s *shape) documented(name *ast.Ident, docs ...*ast.CommentGroup) {
	if name.IsExported() && !slices.ContainsFunc(docs, func(d *ast.CommentGroup) bool { return d != nil }) {
		s.fault(name, "%s is exported and not documented: state its contract", name.Name)
	}
}

// node looks for what stands anywhere: interfaces, panics, tests that skip.
func (s *shape) node(n ast.Node, test bool) bool {
	switch n := n.(type) {
	case *ast.TypeSpec:
		if _, ok := n.Type.(*ast.InterfaceType); ok && !test {
			s.interfaces++
		}
	case *ast.CallExpr:
		name := called(n)
		if name == "panic" && !test {
			s.fault(n, "panic: return an error")
		}
		if test && (name == "Skip" || name == "Skipf" || name == "SkipNow") {
			s.fault(n, "a test that skips proves nothing: get what it needs, or fail")
		}
	}
	return true
}

// called is the name of the function or method that is called.
func called(c *ast.CallExpr) string {
	switch f := c.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		return f.Sel.Name
	}
	return ""
}

// depth is how many blocks stand in each other, at most.
func depth(n ast.Node) int {
	deepest := 0
	ast.Inspect(n, func(child ast.Node) bool {
		if child == n || child == nil {
			return child == n
		}
		deepest = max(deepest, depth(child))
		return false
	})
	if _, ok := n.(*ast.BlockStmt); ok {
		deepest++
	}
	return deepest
}

// wholeProgram checks what no single file shows.
func (s *shape) wholeProgram() {
	for folder, documented := range s.packages {
		if !documented {
			s.faults = append(s.faults, folder+": the package has no comment that says what it is")
		}
	}
	if s.interfaces > maxInterfaces {
		s.faults = append(s.faults, fmt.Sprintf("%d interfaces, want at most %d: a struct or a function will do", s.interfaces, maxInterfaces))
	}
}

func (s *shape) fault(n ast.Node, format string, args ...any) {
	at := s.files.Position(n.Pos())
	s.faults = append(s.faults, fmt.Sprintf("%s:%d: %s", at.Filename, at.Line, fmt.Sprintf(format, args...)))
}

func (s *shape) line(p token.Pos) int { return s.files.Position(p).Line }

// print says the faults, then the measure.
func (s *shape) print() {
	slices.Sort(s.faults)
	for _, f := range s.faults {
		fmt.Fprintln(os.Stderr, "shape:", f)
	}
	fmt.Printf("shape: %d files, %d lines, %d %% comments, %d lines of tests; file median %d, p90 %d, max %d; function median %d, p90 %d, max %d; %d interfaces; %d faults\n",
		len(s.fileSizes), s.lines, 100*s.comments/max(s.lines, 1), s.testLines,
		quantile(s.fileSizes, 50), quantile(s.fileSizes, 90), quantile(s.fileSizes, 100),
		quantile(s.funcSizes, 50), quantile(s.funcSizes, 90), quantile(s.funcSizes, 100), s.interfaces, len(s.faults))
}

// quantile is the percent-th percentile.
func quantile(sizes []int, percent int) int {
	if len(sizes) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(sizes))
	return sorted[(len(sorted)-1)*percent/100]
}
