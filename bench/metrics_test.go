package main

import (
	"reflect"
	"strings"
	"testing"
)

func TestReadMetrics(t *testing.T) {
	m, err := readMetrics(strings.NewReader(`# HELP app x y 1
# TYPE app counter

app{worker="0"} 3
app{worker="1",why="a b"} 4.5
app_other 7
plain 2e3
words here
`))
	if err != nil {
		t.Fatal(err)
	}
	if got := m.Sum("app"); got != 7.5 {
		t.Errorf("app adds up to %g, want 7.5 without app_other", got)
	}
	want := map[string]float64{`worker="0"`: 3, `worker="1",why="a b"`: 4.5}
	if got := m.By("app"); !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if m.Sum("plain") != 2000 || m.Sum("words") != 0 || m.Sum("nothing") != 0 {
		t.Errorf("%v", m)
	}
}
