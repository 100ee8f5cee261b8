package main

import (
	"iter"
	"strconv"

	"rollcall/generate"
)

// account is the largest of those whose records most sections fold.
const account = "bench"

func accountID(i int) string {
	if i == 0 {
		return account
	}
	return account + "-" + strconv.Itoa(i)
}

// crowd is accounts of uneven size, whose records come mixed, by their time.
type crowd []*generate.Generator

// newCrowd divides the contacts and the rate of c among accounts: the second has
// half of what the first has, the third a third.
func newCrowd(c generate.Config, accounts int) (crowd, error) {
	whole := 0.0
	for i := range accounts {
		whole += 1 / float64(i+1)
	}
	var all crowd
	for i := range accounts {
		part, share := c, 1/float64(i+1)/whole
		part.Account, part.Seed = accountID(i), c.Seed+uint64(i)
		part.Contacts, part.Rate = max(1, int(share*float64(c.Contacts))), share*c.Rate
		g, err := generate.New(part)
		if err != nil {
			return nil, err
		}
		all = append(all, g)
	}
	return all, nil
}

func (c crowd) history() iter.Seq[generate.Record] {
	return c.mixed((*generate.Generator).History)
}

func (c crowd) live() iter.Seq[generate.Record] {
	return c.mixed((*generate.Generator).Live)
}

func (c crowd) counts() (sum generate.Counts) {
	for _, g := range c {
		n := g.Counts()
		sum.Records, sum.Repeats, sum.Late, sum.Bad = sum.Records+n.Records, sum.Repeats+n.Repeats, sum.Late+n.Late, sum.Bad+n.Bad
	}
	return sum
}

// mixed yields the accounts' records by their time.
func (c crowd) mixed(of func(*generate.Generator) iter.Seq[generate.Record]) iter.Seq[generate.Record] {
	return func(yield func(generate.Record) bool) {
		var sources []*source
		for _, g := range c {
			s := &source{}
			next, stop := iter.Pull(of(g))
			defer stop()
			if s.next = next; s.advance() {
				sources = append(sources, s)
			}
		}
		for len(sources) > 0 {
			at := earliest(sources)
			if !yield(sources[at].record) {
				return
			}
			if !sources[at].advance() {
				sources = append(sources[:at], sources[at+1:]...)
			}
		}
	}
}

// source is an account's records from some point on.
type source struct {
	record generate.Record
	next   func() (generate.Record, bool)
}

func (s *source) advance() (ok bool) {
	s.record, ok = s.next()
	return ok
}

func earliest(sources []*source) (at int) {
	for i, s := range sources {
		if s.record.At.Before(sources[at].record.At) {
			at = i
		}
	}
	return at
}
