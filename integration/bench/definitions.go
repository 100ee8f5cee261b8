package main

import (
	"context"
	_ "embed"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"rollcall/pipeline/catalog"
	"rollcall/pipeline/naive"
	"rollcall/pipeline/segment"
)

//go:embed segments.txt
var segmentsText string

// namedSegment is a segment as segments.txt has it.
type namedSegment struct {
	id  string
	def segment.Definition
}

var dateMark = regexp.MustCompile(`\{today-(\d+)\}`)

// segments are the segments of segments.txt, in its order.
func segments(now time.Time) ([]namedSegment, error) {
	var all []namedSegment
	for line := range strings.Lines(segmentsText) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		id, text, _ := strings.Cut(line, ": ")
		text = dateMark.ReplaceAllStringFunc(text, func(mark string) string {
			days, _ := strconv.Atoi(dateMark.FindStringSubmatch(mark)[1])
			return now.UTC().AddDate(0, 0, -days).Format(time.DateOnly)
		})
		def, err := segment.Parse(text)
		if err != nil {
			return nil, fmt.Errorf("segment %s: %w", id, err)
		}
		all = append(all, namedSegment{id, def})
	}
	return all, nil
}

// idleTexts are about names that no record mentions, in the kinds of conditions
// that could be mistaken for work.
var idleTexts = []string{
	`list "nobody-%d"`,
	`form "nobody-%d" where phone in LI, SM`,
	`all contacts where clicked message "never-%d"`,
	`all contacts where sent message "never-%d" at least 2 times in last 30 days`,
	`all contacts where replied all of messages "never-%d", "never-too"`,
	`webinar "nobody-%d" where valid phone and clicked message "never-too" on at least 2 days in last 7 days`,
}

// idleSegments are n segments that nobody enters.
func idleSegments(n int) ([]namedSegment, error) {
	var all []namedSegment
	for i := range n {
		def, err := segment.Parse(fmt.Sprintf(idleTexts[i%len(idleTexts)], i))
		if err != nil {
			return nil, err
		}
		all = append(all, namedSegment{fmt.Sprintf("idle-%04d", i), def})
	}
	return all, nil
}

// definitions says what is defined. Equal definitions get equal offsets in
// every process, so that one can read what another has written.
type definitions struct {
	Accounts int       // of a crowd, each with the segments
	None     bool      // no segments at all
	Idle     int       // segments of each account beside those of segments.txt
	Tiny     int       // so many tiny accounts instead
	Large    bool      // the large account instead
	Segments int       // of each account; 0: the 50 of segments.txt
	Now      time.Time // today, for segments.txt
}

// defined is a catalog with its log, which runs until stop is called.
type defined struct {
	*catalog.Catalog
	log  *catalog.Log
	stop func()
}

func (d definitions) define(ctx context.Context) (*defined, error) {
	c := &defined{Catalog: catalog.New()}
	c.log = catalog.NewLog(c.Catalog, &catalog.Memory{})
	running, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() { defer close(ended); _ = c.log.Run(running) }() // a catalog in memory does not fail
	c.stop = func() { cancel(); <-ended }
	entries, err := d.entries()
	if err == nil {
		err = c.log.EnsureSettings(ctx)
	}
	for i := 0; err == nil && i < len(entries); i++ {
		_, err = c.log.Put(ctx, entries[i])
	}
	if err != nil {
		c.stop()
		return nil, fmt.Errorf("definitions: %w", err)
	}
	return c, nil
}

func (d definitions) entries() ([]catalog.Entry, error) {
	if d.Tiny > 0 {
		return tinyEntries(d.Tiny)
	}
	busy, err := d.busy()
	if err != nil {
		return nil, err
	}
	idle, err := idleSegments(d.Idle)
	if err != nil {
		return nil, err
	}
	if d.Large {
		return accountEntries(large, busy), nil
	}
	var entries []catalog.Entry
	for i := range d.Accounts {
		entries = append(entries, accountEntries(accountID(i), append(busy, idle...))...)
	}
	return entries, nil
}

// busy are the segments that records are to flip.
func (d definitions) busy() ([]namedSegment, error) {
	switch {
	case d.None:
		return nil, nil
	case d.Segments > 0:
		return manySegments(d.Segments, d.Now)
	}
	return segments(d.Now)
}

// accountEntries define an account with segments.
func accountEntries(id string, all []namedSegment) []catalog.Entry {
	entries := []catalog.Entry{catalog.PutAccount{Account: id, Timezone: zoneName, RetentionDays: retentionDays, DefaultRegion: "US"}}
	for _, s := range all {
		entries = append(entries, catalog.PutSegment{Account: id, ID: s.id, Name: s.id, Definition: s.def})
	}
	return entries
}

// naiveAccounts are those of a crowd.
func (d definitions) naiveAccounts() ([]naive.Account, error) {
	all, err := d.busy()
	if err != nil {
		return nil, err
	}
	var accounts []naive.Account
	for i := range d.Accounts {
		accounts = append(accounts, naiveAccount(accountID(i), all))
	}
	return accounts, nil
}

func naiveAccount(id string, all []namedSegment) naive.Account {
	a := naive.Account{ID: id, Timezone: zoneName, RetentionDays: retentionDays, DefaultRegion: "US", Segments: map[string]segment.Definition{}}
	for _, s := range all {
		a.Segments[s.id] = s.def
	}
	return a
}

const zoneName = "America/New_York" // of every account with a history

const retentionDays = 730
