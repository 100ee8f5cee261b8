package main

import (
	"time"

	"rollcall/pipeline/naive"
	"rollcall/pipeline/segment"
)

// large is the account with the most contacts: what is asked over history, what
// a midnight turns and what a process begins with is its state.
const large = "large"

// largeDays are of its history: a month, and what is no longer in "the last 30 days".
const largeDays = 33

// largeAccount has the questions as segments.
func largeAccount() (naive.Account, error) {
	var all []namedSegment
	for _, q := range questions {
		def, err := segment.Parse(q.text)
		if err != nil {
			return naive.Account{}, err
		}
		all = append(all, namedSegment{q.name, def})
	}
	return naiveAccount(large, all), nil
}

// largeDay is the account's day at a moment.
func largeDay(at time.Time) (segment.Date, error) {
	zone, err := time.LoadLocation(zoneName)
	if err != nil {
		return 0, err
	}
	return segment.DateOf(at.In(zone)), nil
}
