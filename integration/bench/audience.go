package main

import (
	"fmt"
	"iter"
	"strconv"
	"time"

	"rollcall/consumers"
	"rollcall/pipeline"
)

// person is a made-up contact of whom all is known by the number, so that it is
// known too how many any question is to find.
type person int

func (p person) id() string       { return "p-" + strconv.Itoa(int(p)) }
func (p person) validPhone() bool { return p%10 != 0 }
func (p person) inUS() bool       { return p.validPhone() && p%2 == 1 }
func (p person) optedIn() bool    { return p%3 != 0 }
func (p person) reachable() bool  { return p.optedIn() && p.validPhone() }
func (p person) onList() bool     { return p%5 == 0 }
func (p person) clicks() int      { return [...]int{2, 1, 1, 0}[p%4] } // all on one day
func (p person) clickedAgo() int  { return 1 + int(p)%60 }
func (p person) sent() bool       { return p%2 == 0 }
func (p person) sentAgo() int     { return 1 + int(p)%20 }
func (p person) message() int     { return int(p) % 8 }

func (p person) clickedLast(days int) bool { return p.clicks() > 0 && p.clickedAgo() <= days }

// howMany counts those of n people to whom something applies.
func howMany(n int, of func(person) bool) (count int64) {
	for p := range person(n) {
		if of(p) {
			count++
		}
	}
	return count
}

// audience are the records that make n people.
func audience(n int, now time.Time) iter.Seq[consumers.Message] {
	return func(yield func(consumers.Message) bool) {
		ago := noons(now)
		for p := range person(n) {
			for _, m := range p.records(ago) {
				if !yield(m) {
					return
				}
			}
		}
	}
}

// noons are the account's days, by how many days ago they were.
func noons(now time.Time) (ago [61]string) {
	zone, err := time.LoadLocation(zoneName)
	if err != nil {
		panic(err) // the product has it
	}
	y, m, d := now.In(zone).Date()
	for i := range ago {
		ago[i] = time.Date(y, m, d-i, 12, 0, 0, 0, zone).Format(time.RFC3339)
	}
	return ago
}

func (p person) records(ago [61]string) (all []consumers.Message) {
	write := func(topic, format string, args ...any) {
		value := fmt.Appendf(nil, `{"account":%q,"contact":%q,`, account, p.id())
		value = append(fmt.Appendf(value, format, args...), '}')
		all = append(all, consumers.Message{Topic: topic, Partition: -1, Key: []byte(account + "/" + p.id()), Value: value})
	}
	phone := ""
	if p.validPhone() {
		phone = "+447400123456"
	}
	if p.inUS() {
		phone = "+12125550100"
	}
	write(pipeline.TopicContacts, `"phone":%q`, phone)
	consent := pipeline.TopicOptedOut
	if p.optedIn() {
		consent = pipeline.TopicOptedIn
	}
	write(consent, `"at":%q`, ago[60])
	for i := range p.clicks() {
		write(pipeline.TopicClicked, `"id":"k-%d","message":"m-%d","at":%q`, i, p.message(), ago[p.clickedAgo()])
	}
	if p.sent() {
		write(pipeline.TopicSent, `"id":"s","message":"m-%d","at":%q`, p.message(), ago[p.sentAgo()])
	}
	if p.onList() {
		write(pipeline.TopicLists, `"list":"newsletter","kind":"marketing","member":true,"at":%q`, ago[60])
	}
	return all
}
