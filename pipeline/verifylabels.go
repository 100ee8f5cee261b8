package pipeline

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"rollcall/pipeline/naive"
	"rollcall/pipeline/segment"
)

// compareTitles looks whether every title is as late as the log says. It may be
// later: it stays when the contact is erased whose record it is of, and when
// that record's day has left.
func (a *accountComparison) compareTitles() {
	inOrder := func(x, y naive.Titled) int {
		return cmp.Or(strings.Compare(x.Kind, y.Kind), strings.Compare(x.Name, y.Name))
	}
	for _, of := range slices.SortedFunc(maps.Keys(a.titles), inOrder) {
		got, want := a.account.titleOf(of), a.titles[of]
		if got.Text == "" || laterTitle(got, want) != got {
			a.differ("title", "", titledWords(of), titleWords(got), titleWords(want))
		}
	}
}

// titleOf is what a message or a list is called.
func (a *account) titleOf(of naive.Titled) naive.Title {
	names, titles, name := &a.messages, &a.messageTitles, of.Name
	if of.Kind != "" {
		names, titles, name = &a.lists, &a.listTitles, listKey(listKinds[of.Kind], of.Name)
	}
	number, known := names.lookup(name)
	if !known {
		return naive.Title{}
	}
	is := titles.at(number)
	return naive.Title{Time: is.At, Text: is.Text}
}

// laterTitle is the later of two, and of two of one time the greater.
func laterTitle(a, b naive.Title) naive.Title {
	if b.Text == "" || a.Text != "" && (a.Time > b.Time || a.Time == b.Time && a.Text >= b.Text) {
		return a
	}
	return b
}

func titledWords(of naive.Titled) string {
	if of.Kind == "" {
		return fmt.Sprintf("message %q", of.Name)
	}
	return of.Kind + " list " + of.Name
}

func titleWords(t naive.Title) string {
	if t.Text == "" {
		return "nothing"
	}
	return fmt.Sprintf("%q since %s", t.Text, instant(t.Time))
}

// compareCounts holds the counts of events by message that are stored beside runs
// against the runs. Where a contact was erased since, nobody goes by them.
func (a *accountComparison) compareCounts() {
	for _, p := range a.account.pieces {
		for _, day := range slices.Sorted(maps.Keys(p.days[sentSeries])) {
			d := p.days[sentSeries][day]
			counts := d.counts.Load()
			if counts == nil || len(d.forgotten) > 0 {
				continue
			}
			got := slices.Clone(*counts)
			for _, e := range d.pending {
				got.add(e.Message)
			}
			a.differences("count", "", a.countWords(got, p, day), a.countWords(countMessages(d.all()), p, day))
		}
	}
}

func (a *accountComparison) countWords(counts messageCounts, p *piece, day segment.Date) map[string]string {
	words := map[string]string{}
	for _, c := range counts {
		what := eventWords(sentSeries, day, a.account.messages.name(c.Message))
		words[fmt.Sprintf("%s, contacts from %d on", what, p.of(0))] = fmt.Sprintf("%d events", c.Events)
	}
	return words
}
