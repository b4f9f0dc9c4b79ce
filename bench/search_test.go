package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestSearch(t *testing.T) {
	f := func(first, highest, capacity, low, high float64) {
		t.Helper()
		steps := 0
		best, err := search(first, highest, func(rate float64) (bool, error) {
			steps++
			if rate > highest {
				t.Errorf("tried %g, above %g", rate, highest)
			}
			return rate <= capacity, nil
		})
		if err != nil || best < low || best > high || steps > maxSteps {
			t.Errorf("from %g with room for %g: %g, %v after %d steps; want %g to %g", first, capacity, best, err, steps, low, high)
		}
	}
	f(1000, 1e6, 10_000, 10_000/searchWidth, 10_000)
	f(1000, 1e6, 87_654, 87_654/searchWidth, 87_654)
	f(1000, 1e6, 1000, 1000, 1000)
	f(1000, 1e6, 300, 300/searchWidth, 300) // below the first: downwards, then between
	f(1000, 1e6, 1e9, 1e6, 1e6)             // the highest is enough
	f(1000, 1500, 1e9, 1500, 1500)          // and is itself tried
	f(1e6, 1000, 1e9, 1000, 1000)           // a first above the highest
	f(1000, 1e6, 0, 0, 0)                   // nothing holds
}

func TestSearchEndsWithAnError(t *testing.T) {
	broken := errors.New("broken")
	best, err := search(1000, 1e6, func(rate float64) (bool, error) {
		if rate > 3000 {
			return false, broken
		}
		return true, nil
	})
	if !errors.Is(err, broken) || best != 2000 {
		t.Errorf("%g, %v; want the last that held and the error", best, err)
	}
}

// A server that loses what comes above some rate is found out.
func TestSearchCommand(t *testing.T) {
	t.Parallel()
	// In 0.6 s of warm-up and measuring each of the 3 groups hears a fifth of what is
	// published a second. Each step has members of its own, and they lose all after
	// their first 30: at 150 a second nothing, above that something.
	const capacity = 150
	s := &groupServer{fault: func(_, n int) fault {
		if n >= capacity/5 {
			return lose
		}
		return deliver
	}}
	url, _ := s.serve(t)
	file := filepath.Join(t.TempDir(), "search.json")
	args := append([]string{"search", "--quiet"},
		small(url, "500ms", "--rate", "50", "--highest", "400", "--drain", "200ms", "--json", file)...)
	code, stdout, stderr := bench(t.Context(), args...)
	// A busy machine may not hold even the lowest rate, and is asked again.
	for began := time.Now(); code != exitDone && time.Since(began) < time.Minute; {
		code, stdout, stderr = bench(t.Context(), args...)
	}
	if code != exitDone || !strings.Contains(stdout, "highest rate held") {
		t.Fatalf("exit code %d\n%s\n%s", code, stdout, stderr)
	}
	var steps []Step
	b, err := os.ReadFile(file)
	if err != nil || json.Unmarshal(b, &steps) != nil {
		t.Fatalf("%v: %s", err, b)
	}
	for _, step := range steps {
		if step.Held && step.Rate > capacity+5 {
			t.Errorf("%g is said to be held; each member then lost messages", step.Rate)
		}
	}
	if !strings.Contains(stdout, "not held") || steps[0].Rate != 50 {
		t.Errorf("the steps are not shown:\n%s", stdout)
	}
}
