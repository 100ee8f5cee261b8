package segment

import "fmt"

// Window is the days that p means on the day today, from the first to the last
// of them, both included. Days before the kept ones (today - retentionDays) are
// left out. Ever, LastDays and Since have no last day: to is MaxDate. It is not
// ok when no day is left, and then from and to mean nothing.
func (p Period) Window(today Date, retentionDays int) (from, to Date, ok bool) {
	from, to = p.days(today)
	from = max(from, today-Date(retentionDays))
	return from, to, from <= to
}

// Spell is Window seen from a day: on which todays, from the first to the last of
// them, both included, the window has it. It is not ok when no window ever does,
// and then first and last mean nothing.
func (p Period) Spell(day Date, retentionDays int) (first, last Date, ok bool) {
	first, last = minDate, day+Date(retentionDays)
	switch p.Kind {
	case LastDays:
		last = min(last, day+Date(p.N))
	case DaysAgo:
		first, last = day+Date(p.N), min(last, day+Date(p.M))
	default:
		if from, to := p.days(day); day < from || day > to { // the same on every today
			return 0, 0, false
		}
	}
	return first, last, first <= last
}

// days is Window before kept days are considered.
func (p Period) days(today Date) (from, to Date) {
	switch p.Kind {
	case LastDays:
		return today - Date(p.N), MaxDate
	case DaysAgo:
		return today - Date(p.M), today - Date(p.N)
	case On:
		return p.From, p.From
	case Between:
		return p.From, p.To
	case Before:
		return minDate, p.To - 1
	case Since:
		return p.From, MaxDate
	default:
		return minDate, MaxDate
	}
}

// String is the period as the language writes it, such as "in last 30 days".
func (p Period) String() string {
	switch p.Kind {
	case Ever:
		return "ever"
	case LastDays:
		return "in last " + counted(p.N, "day")
	case DaysAgo:
		return fmt.Sprintf("between %d and %s ago", p.N, counted(p.M, "day"))
	case On:
		return "on " + p.From.String()
	case Between:
		return fmt.Sprintf("between %v and %v", p.From, p.To)
	case Before:
		return "before " + p.To.String()
	case Since:
		return "since " + p.From.String()
	default:
		return fmt.Sprintf("period %d", p.Kind)
	}
}

// counted writes a number with its unit: 1 day, 2 days.
func counted(n int, unit string) string {
	if n == 1 {
		return "1 " + unit
	}
	return fmt.Sprintf("%d %ss", n, unit)
}
