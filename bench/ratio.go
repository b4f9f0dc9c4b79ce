package main

import (
	"fmt"
	"slices"
)

// Spread is what several rounds say about one figure.
type Spread struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

// spread puts figures together; the zero Spread of none. Of an even number the median
// is the mean of the two in the middle.
func spread(figures []float64) Spread {
	n := len(figures)
	if n == 0 {
		return Spread{}
	}
	s := slices.Sorted(slices.Values(figures))
	return Spread{(s[(n-1)/2] + s[n/2]) / 2, s[0], s[n-1]}
}

// String is the spread of a ratio, or a dash of none.
func (s Spread) String() string {
	if s == (Spread{}) {
		return "-"
	}
	return fmt.Sprintf("%.2f (%.2f to %.2f)", s.Median, s.Min, s.Max)
}

// quotients divides figures of one thing by those of another, round by round: what
// else the machine did in a round is in both. A round in which one has no figure is
// left out.
func quotients(over, under []float64) (all []float64) {
	for i := range min(len(over), len(under)) {
		if over[i] > 0 && under[i] > 0 {
			all = append(all, over[i]/under[i])
		}
	}
	return all
}

// pair is two servers that are compared.
type pair struct{ Over, Under string }

// pairs are the comparisons that bench limit makes, as far as it has the servers.
var pairs = []pair{{"memory", "write"}, {"memory", "join"}, {"redis", "memory"}, {"redis", "write"}}

// Ratio is how one server's figure compares with another's.
type Ratio struct {
	Over   string `json:"over"`
	Under  string `json:"under"`
	Figure string `json:"figure"` // of what
	Spread
}

// ratios compares a figure of all servers. figures are by server, one a round.
func ratios(figure string, figures map[string][]float64) (all []Ratio) {
	for _, p := range pairs {
		if q := quotients(figures[p.Over], figures[p.Under]); len(q) > 0 {
			all = append(all, Ratio{p.Over, p.Under, figure, spread(q)})
		}
	}
	return all
}
