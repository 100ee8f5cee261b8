package segment

import (
	"slices"
	"strings"
)

// keywords are all words of the text form. One of them in the wrong place is
// not a misspelling of another.
var keywords = strings.Fields(`all contacts where list form webinar segment not and or
	opted in out valid phone sent clicked failed replied message any of none messages
	at least most exactly on times time days day last between ago before since ever`)

// Nearest is the candidate that name is a likely slip of, or nothing when none
// is near.
func Nearest(name string, candidates []string) string {
	best, bestDistance := "", 0
	for _, c := range candidates {
		d := distance(strings.ToLower(name), strings.ToLower(c))
		if d <= max(1, len(c)/3) && d < len(c) && (best == "" || d < bestDistance) {
			best, bestDistance = c, d
		}
	}
	return best
}

// nearest is Nearest for a word of the language.
func nearest(found string, candidates []string) string {
	found = strings.ToLower(found)
	if len(found) > shownBytes || slices.Contains(keywords, found) {
		return ""
	}
	return Nearest(found, candidates)
}

// distance is how many bytes must be changed, added, removed or swapped with
// their neighbour to make b of a (optimal string alignment).
func distance(a, b string) int {
	var before []int
	last := make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row := make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			row[j+1] = min(last[j+1]+1, row[j]+1, last[j]+differ(a[i], b[j]))
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}

func differ(a, b byte) int {
	if a == b {
		return 0
	}
	return 1
}
