package main

import (
	"fmt"
	"iter"
	"strconv"
	"time"

	"rollcall/consumers"
	"rollcall/pipeline"
	"rollcall/pipeline/catalog"
	"rollcall/pipeline/segment"
)

const (
	tinyContacts = 3 // of an account
	tinyMessages = 2 // sent to each contact, on a day each
)

func tinyAccount(i int) string { return "tiny-" + strconv.Itoa(i) }

// tinyEntries define n accounts with two segments each.
func tinyEntries(n int) ([]catalog.Entry, error) {
	reachable, err := segment.Parse(`all contacts where opted in and valid phone`)
	if err != nil {
		return nil, err
	}
	clicked, err := segment.Parse(`segment "reachable" where clicked in last 30 days`)
	if err != nil {
		return nil, err
	}
	var entries []catalog.Entry
	for i := range n {
		id := tinyAccount(i)
		entries = append(entries,
			catalog.PutAccount{Account: id, Timezone: "UTC", RetentionDays: retentionDays, DefaultRegion: "US"},
			catalog.PutSegment{Account: id, ID: "reachable", Name: "Reachable", Definition: reachable},
			catalog.PutSegment{Account: id, ID: "clicked", Name: "Clicked", Definition: clicked})
	}
	return entries, nil
}

// tinyRecords are what happens in n tiny accounts: everybody joins, then gets
// messages, and the first contact of each account clicks.
func tinyRecords(n int, now time.Time) iter.Seq[consumers.Message] {
	return func(yield func(consumers.Message) bool) {
		ok := true
		write := func(topic string, i, contact int, fields string) {
			a, c := tinyAccount(i), "c-"+strconv.Itoa(contact)
			ok = ok && yield(consumers.Message{
				Topic: topic, Partition: -1, Key: []byte(a + "/" + c),
				Value: fmt.Appendf(nil, `{"account":%q,"contact":%q,%s}`, a, c, fields),
			})
		}
		for i := 0; i < n && ok; i++ {
			for c := range tinyContacts {
				write(pipeline.TopicContacts, i, c, `"phone":"+12125550100"`)
				write(pipeline.TopicOptedIn, i, c, `"source":"web-form"`)
			}
		}
		for m := range tinyMessages {
			at := now.UTC().AddDate(0, 0, m-tinyMessages).Format(time.RFC3339)
			for i := 0; i < n && ok; i++ {
				for c := range tinyContacts {
					write(pipeline.TopicSent, i, c, fmt.Sprintf(`"id":"s-%d","message":"m-%d","at":%q`, m, m, at))
				}
				write(pipeline.TopicClicked, i, 0, fmt.Sprintf(`"id":"k-%d","message":"m-%d","at":%q`, m, m, at))
			}
		}
	}
}
