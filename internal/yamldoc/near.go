package yamldoc

import (
	"fmt"
	"slices"
	"strings"
)

// Near returns those of known that word is probably a slip of, best first, at
// most three: by the number of letters inserted, left out, replaced or swapped
// with their neighbour (optimal string alignment), up to a third of the word;
// a letter must be common.
func Near(word string, known []string) []string {
	type hit struct {
		word string
		d    int
	}
	var hits []hit
	for _, k := range known {
		limit := max(1, min(len(word), len(k))/3)
		if d := distance(word, k); d <= limit && d < max(len(word), len(k)) {
			hits = append(hits, hit{k, d})
		}
	}
	slices.SortStableFunc(hits, func(a, b hit) int {
		if a.d != b.d {
			return a.d - b.d
		}
		return strings.Compare(a.word, b.word)
	})
	var out []string
	for _, h := range hits[:min(len(hits), 3)] {
		out = append(out, h.word)
	}
	return out
}

// Meant returns the end of an error on an unknown word: «: did you mean …?»,
// else the known words, else nothing when there are none or too many.
func Meant(word string, known []string) string {
	if near := Near(word, known); len(near) > 0 {
		return fmt.Sprintf(": did you mean %s?", strings.Join(near, " or "))
	}
	if len(known) == 0 || len(known) > 20 {
		return ""
	}
	return ": known are " + strings.Join(known, ", ")
}

// distance is the optimal string alignment distance of a and b, in bytes.
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return len(a) + len(b)
	}
	var rows [3][65]int
	before, last, row := &rows[0], &rows[1], &rows[2]
	for j := range len(b) + 1 {
		last[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(last[j+1]+1, row[j]+1, last[j]+cost)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
