package segment

import "pgregory.net/rapid"

// definitions draws valid definitions, normalised or not.
func definitions(t *rapid.T) Definition {
	d := Definition{From: origins.Draw(t, "from")}
	if rapid.IntRange(0, 9).Draw(t, "where") > 0 {
		d.Where = conditions(rapid.IntRange(1, 6).Draw(t, "levels")).Draw(t, "condition")
	}
	return d
}

func conditions(levels int) *rapid.Generator[Condition] {
	if levels == 1 {
		return leaves
	}
	return rapid.Custom(func(t *rapid.T) Condition {
		inner := conditions(levels - 1)
		some := rapid.SliceOfN(inner, 1, 3)
		switch rapid.IntRange(0, 3).Draw(t, "operator") {
		case 0:
			return All(some.Draw(t, "all"))
		case 1:
			return Any(some.Draw(t, "any"))
		case 2:
			return Not{Of: inner.Draw(t, "not")}
		default:
			return leaves.Draw(t, "leaf")
		}
	})
}

var (
	kinds      = rapid.SampledFrom([]Kind{List, Form, Webinar, Segment})
	counts     = rapid.IntRange(1, MaxCount)
	dates      = rapid.Int32Range(int32(minDate), int32(MaxDate))
	oneOrMore  = rapid.SliceOfN(names, 1, 4)
	codes      = rapid.SampledFrom([]string{"US", "us", "CA", "IN", "in", "PR", "IS", "NO"})
	behaviours = rapid.Uint8Range(0, Behaviours-1)

	names = rapid.OneOf(
		rapid.SampledFrom([]string{"a", "b", "and", "m-8", `"`, `\`, "<&>", "\u2028", "\u202e", "\x00", "\ufffd", "😀", " "}),
		rapid.StringN(1, 50, MaxNameBytes),
	)
	origins = rapid.Custom(func(t *rapid.T) Origin {
		if rapid.Bool().Draw(t, "everybody") {
			return Origin{}
		}
		return Origin{Kind: kinds.Draw(t, "kind"), Name: names.Draw(t, "name")}
	})
	leaves = rapid.Custom(func(t *rapid.T) Condition {
		switch rapid.IntRange(0, 6).Draw(t, "criterion") {
		case 0:
			return OptedIn{}
		case 1:
			return OptedOut{}
		case 2:
			return ValidPhone{}
		case 3:
			return PhoneIn{Countries: rapid.SliceOfN(codes, 1, 5).Draw(t, "countries")}
		case 4:
			return In{Kind: kinds.Draw(t, "kind"), Name: names.Draw(t, "name")}
		default:
			return dids.Draw(t, "did")
		}
	})
	dids = rapid.Custom(func(t *rapid.T) Condition {
		d := Did{Behaviour: Behaviour(behaviours.Draw(t, "behaviour")), Period: periods.Draw(t, "period")}
		d.Messages.Mode = MessagesMode(rapid.Uint8Range(0, uint8(NoneOf)).Draw(t, "mode"))
		if d.Messages.Mode != AnyMessage {
			d.Messages.Names = oneOrMore.Draw(t, "messages")
		}
		if d.Messages.Mode != NoneOf {
			d.Frequency = frequencies.Draw(t, "frequency")
		}
		return d
	})
	frequencies = rapid.Custom(func(t *rapid.T) Frequency {
		kind := FrequencyKind(rapid.Uint8Range(0, uint8(AtLeastDays)).Draw(t, "kind"))
		if kind == AtLeastOnce {
			return Frequency{}
		}
		return Frequency{Kind: kind, K: counts.Draw(t, "k")}
	})
	periods = rapid.Custom(func(t *rapid.T) Period {
		kind := PeriodKind(rapid.Uint8Range(0, uint8(Since)).Draw(t, "kind"))
		return periodOf(t, kind, counts, dates)
	})
)

// periodOf draws a period of a kind.
func periodOf(t *rapid.T, kind PeriodKind, counts *rapid.Generator[int], dates *rapid.Generator[int32]) Period {
	date := func() Date { return Date(dates.Draw(t, "date")) }
	p := Period{Kind: kind}
	switch kind {
	case LastDays:
		p.N = counts.Draw(t, "n")
	case DaysAgo:
		n, m := counts.Draw(t, "n"), counts.Filter(func(m int) bool { return m > 1 }).Draw(t, "m")
		p.N, p.M = min(n, m-1), m
	case On, Since:
		p.From = date()
	case Before:
		p.To = date()
	case Between:
		from, to := date(), date()
		p.From, p.To = min(from, to), max(from, to)
	}
	return p
}
