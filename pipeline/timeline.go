package pipeline

import (
	"maps"
	"slices"

	"rollcall/pipeline/segment"
)

// timeline is the outcome of a condition today, and the days from which on it is
// the other one as long as nothing is recorded.
type timeline struct {
	holds bool
	turns []segment.Date // ascending, after today
}

// counted is the timeline of a condition on a number, which is n today and moves
// by so much on the days after.
func counted(n int, moves map[segment.Date]int, enough func(n int) bool) timeline {
	t := timeline{holds: enough(n)}
	was := t.holds
	for _, day := range slices.Sorted(maps.Keys(moves)) {
		n += moves[day]
		if is := enough(n); is != was {
			t.turns, was = append(t.turns, day), is
		}
	}
	return t
}

// combined is the timeline of a condition on how many of others hold.
func combined(of []timeline, enough func(n int) bool) timeline {
	n, moves := 0, map[segment.Date]int{}
	for _, t := range of {
		if t.holds {
			n++
		}
		is := t.holds
		for _, day := range t.turns {
			if is = !is; is {
				moves[day]++
			} else {
				moves[day]--
			}
		}
	}
	return counted(n, moves, enough)
}

func all(of ...timeline) timeline {
	return combined(of, func(n int) bool { return n == len(of) })
}

func anyOf(of ...timeline) timeline {
	return combined(of, func(n int) bool { return n > 0 })
}

func (t timeline) not() timeline { return timeline{!t.holds, t.turns} }

// ends is the first day from which a condition that holds no longer does, and
// begins that from which one that does not hold does; empty: none.
func (t timeline) ends() string   { return t.next(true) }
func (t timeline) begins() string { return t.next(false) }

func (t timeline) next(holds bool) string {
	if len(t.turns) == 0 || t.holds != holds {
		return ""
	}
	return t.turns[0].String()
}
