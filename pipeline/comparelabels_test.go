package pipeline

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"rollcall/bitmaps"
	"rollcall/pipeline/naive"
	"rollcall/pipeline/segment"
)

// compareLabels holds what a view's replicas know beside memberships against the
// naive way: sent events by message and day, the messages that contacts opted
// out of, what they failed for, and titles.
func (p *process) compareLabels(account string, want *naive.Result) {
	t := p.h.t
	t.Helper()
	got, titles, err := p.labels(account)
	if err != nil && p.h.mend != nil { // it found what nobody had looked at
		p.h.mend()
		got, titles, err = p.labels(account)
	}
	p.h.must(err)
	expected, called := naiveLabels(account, want)
	if !maps.Equal(got, expected) {
		for _, what := range difference(sortedKeys(got), sortedKeys(expected)) {
			t.Errorf("process %d, %s: %s: got %d, want %d", p.number, account, what, got[what], expected[what])
		}
		t.Errorf("process %d, %s: got %v, want %v", p.number, account, got, expected)
	}
	for of, title := range called {
		if is := titles[of]; is.Text == "" || laterTitle(is, title) != is {
			t.Errorf("process %d, %s: %v is called %+v, want %+v", p.number, account, of, is, title)
		}
	}
}

// naiveLabels are counts by what they are of.
func naiveLabels(account string, want *naive.Result) (counts map[string]int, titles map[naive.Titled]naive.Title) {
	counts, titles = map[string]int{}, map[naive.Titled]naive.Title{}
	for _, id := range want.Said(account) {
		k := want.Known(account, id)
		for _, e := range k.Events {
			if e.Behaviour == segment.Sent {
				counts[eventWords(sentSeries, e.Day, e.Message)]++
			}
		}
		for o := range k.OptedOutOf {
			counts[eventWords(optedOutOf, o.Day, o.Message)+" by "+id]++
		}
		for f := range k.FailedFor {
			counts[reasonWords(eventWords(failedFor, f.Day, f.Message), f.Reason)+" by "+id]++
		}
		for of, title := range k.Titles {
			titles[of] = laterTitle(titles[of], title)
		}
	}
	return counts, titles
}

// labels is what all replicas know, in the same words. Titles of several
// partitions are each as late as their own records are.
func (p *process) labels(account string) (counts map[string]int, titles map[naive.Titled]naive.Title, err error) {
	counts, titles = map[string]int{}, map[naive.Titled]naive.Title{}
	for _, r := range p.view.replicas {
		var part map[string]int
		err := r.retrying(context.Background(), func() (err error) {
			part, err = r.labels(account, titles)
			return err
		})
		if err != nil {
			return nil, nil, err
		}
		for what, n := range part {
			counts[what] += n
		}
	}
	return counts, titles, nil
}

func (r *replica) labels(account string, titles map[naive.Titled]naive.Title) (counts map[string]int, err error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	counts = map[string]int{}
	a := r.state.accounts[account]
	if a == nil {
		return counts, nil
	}
	for number, name := range a.messages.all() {
		is := a.messageTitles.at(number)
		of := naive.Titled{Name: name}
		titles[of] = laterTitle(titles[of], naive.Title{Time: is.At, Text: is.Text})
	}
	for number, key := range a.lists.all() {
		is := a.listTitles.at(number)
		kind, name := splitListKey(key)
		of := naive.Titled{Kind: kind, Name: name}
		titles[of] = laterTitle(titles[of], naive.Title{Time: is.At, Text: is.Text})
	}
	for _, piece := range a.pieces {
		if err := r.pieceLabels(piece, counts); err != nil {
			return nil, err
		}
	}
	return counts, nil
}

func (r *replica) pieceLabels(p *piece, counts map[string]int) error {
	a, events := p.account, &previewEvents{ctx: context.Background(), replica: r, piece: p}
	for day := range p.days[sentSeries] {
		sent, err := events.sent(day)
		if err != nil {
			return err
		}
		read, err := events.readEvents(a.id, p.number, sentSeries, day, 0)
		if err != nil {
			return err
		}
		if !slices.Equal(sent, countMessages(read)) {
			return fmt.Errorf("partition %d, sent on %s: counts %v, and events %v", r.partition, day, sent, read)
		}
		for _, c := range sent {
			counts[eventWords(sentSeries, day, a.messages.name(c.Message))] += int(c.Events)
		}
	}
	for _, of := range []series{optedOutOf, failedFor} {
		for day, d := range p.days[of] {
			read, err := events.readEvents(a.id, p.number, of, day, 0)
			if err != nil {
				return err
			}
			for _, e := range read {
				if !d.bits.Contains(e.Contact) {
					return errors.New("an event of nobody in the bitmap")
				}
				counts[a.labelWords(of, day, e)+" by "+a.contacts.name(p.of(e.Contact))]++
			}
		}
	}
	return nil
}

func (a *account) labelWords(of series, day segment.Date, e bitmaps.Event) string {
	what := eventWords(of, day, a.messages.name(e.Message))
	if of == failedFor {
		return reasonWords(what, a.reasons.name(uint32(e.ID)))
	}
	return what
}
