package segment

import "strings"

// Normalise is the same definition in the one form that both Text and JSON
// print: an operator directly inside the same operator joins it, an operator on
// a single condition gives way to that condition, not not c is c, what is said
// by default is dropped ("at least 1 time", "on at least 1 day"), names and
// countries stand once, in order of first mention, and countries are upper case.
// It does not check anything, and leaves d as it was.
func (d Definition) Normalise() Definition {
	d.Where = normalise(d.Where)
	return d
}

func normalise(c Condition) Condition {
	switch c := c.(type) {
	case All:
		return flatten(c)
	case Any:
		return flatten(c)
	case Not:
		of := normalise(c.Of)
		if inner, ok := of.(Not); ok {
			return inner.Of
		}
		return Not{Of: of}
	case PhoneIn:
		return PhoneIn{Countries: once(c.Countries, strings.ToUpper)}
	case Did:
		c.Messages.Names = once(c.Messages.Names, strings.Clone)
		c.Frequency = c.Frequency.normalise()
		return c
	default:
		return c
	}
}

// flatten normalises the conditions of an operator and joins those that are the
// same operator.
func flatten[L interface {
	All | Any
	Condition
}](list L) Condition {
	flat := make(L, 0, len(list))
	for _, c := range list {
		c = normalise(c)
		if same, ok := c.(L); ok {
			flat = append(flat, same...)
		} else {
			flat = append(flat, c)
		}
	}
	if len(flat) == 1 {
		return flat[0]
	}
	return flat
}

func (f Frequency) normalise() Frequency {
	once := f.K == 1 && (f.Kind == AtLeast || f.Kind == AtLeastDays)
	if once || f.Kind == AtLeastOnce {
		return Frequency{}
	}
	return f
}

// once keeps the first of equal strings, written by write.
func once(list []string, write func(string) string) []string {
	var kept []string
	seen := make(map[string]bool, len(list))
	for _, s := range list {
		if s = write(s); !seen[s] {
			seen[s] = true
			kept = append(kept, s)
		}
	}
	return kept
}

// depth is how many conditions stand inside one another.
func depth(c Condition) int {
	deepest := 0
	for _, inner := range parts(c) {
		deepest = max(deepest, depth(inner))
	}
	return 1 + deepest
}

// parts are the conditions that an operator combines; a criterion has none.
func parts(c Condition) []Condition {
	switch c := c.(type) {
	case All:
		return c
	case Any:
		return c
	case Not:
		return []Condition{c.Of}
	default:
		return nil
	}
}
