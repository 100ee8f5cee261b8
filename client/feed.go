package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// followLine is a line of /v1/follow. Its times count from when the server took
// the request up.
type followLine struct {
	Segment   string     `json:"segment"`
	Exited    []string   `json:"exited"`
	Entered   []string   `json:"entered"`
	Freshness *Freshness `json:"freshness"`
	AsOfMS    int64      `json:"as_of_ms"`
	DayEndsMS int64      `json:"day_ends_ms"`
}

// followLines are the lines of a connection as they come.
type followLines struct {
	body    io.ReadCloser
	decoder *json.Decoder
}

// connect opens a stream, and returns a moment that was before the server took
// the request up.
func (v *View) connect(ctx context.Context) (sent moment, lines followLines, err error) {
	began := time.Now()
	var connected atomic.Pointer[time.Time] // nil: the transport does not say
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) {
		now := time.Now()
		connected.Store(&now)
	}})
	path := pathWith("/v1/follow", url.Values{"segments": {strings.Join(v.config.Segments, ",")}})
	body, err := v.client.open(ctx, path, nil, v.config.MaxStaleness)
	if err != nil {
		return sent, lines, err
	}
	if at := connected.Load(); at != nil {
		began = *at
	}
	return momentOf(began), followLines{body, json.NewDecoder(body)}, nil
}

func (l followLines) next() (line followLine, err error) {
	if err = l.decoder.Decode(&line); err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return line, err
}

func (l followLines) close() { l.body.Close() }

// feed brings a view up to date from one connection. What it is told at first is
// all there is: it goes into sets of its own, beside those that answers come
// from until it is whole.
type feed struct {
	view  *View
	sent  moment // before the server took the request up
	table *table
	sets  int  // the first of the sets that are filled
	whole bool // it was told how fresh all of it is
	gone  int  // contacts that are in no set any more
}

func newFeed(v *View, sent moment) *feed {
	n := len(v.config.Segments)
	return &feed{view: v, sent: sent, table: v.picture.Load().table.withEmptySets(n), sets: n}
}

// end drops what is not whole.
func (f *feed) end() {
	if !f.whole {
		f.show(f.table.withSets(0, f.sets))
	}
}

// show lets answers come from a table. What is fresh stays so.
func (f *feed) show(t *table) {
	f.table = t
	p := *f.view.picture.Load()
	p.table = t
	f.view.picture.Store(&p)
}

// take applies a line that came now.
func (f *feed) take(line followLine, now moment) error {
	if line.Freshness != nil {
		return f.freshness(line, now)
	}
	set := slices.Index(f.view.config.Segments, line.Segment)
	if set < 0 {
		return fmt.Errorf("told of the segment %q, which is not followed", line.Segment)
	}
	for _, contact := range line.Exited {
		if number, ok := f.table.find(contact); ok {
			f.table.set(f.sets+set, number, false)
			if f.whole && f.table.inNone(number) {
				f.gone++
			}
		}
	}
	for _, contact := range line.Entered {
		if err := f.enter(f.sets+set, contact); err != nil {
			return err
		}
	}
	return nil
}

func (f *feed) enter(set int, contact string) error {
	if contact == "" || len(contact) > maxContact {
		return errors.New("told of a contact without an id, or with one that is too long")
	}
	number, ok := f.table.find(contact)
	if !ok {
		var grown *table
		var err error
		if number, grown, err = f.table.add(contact); err != nil {
			return err
		}
		if grown != f.table {
			f.show(grown)
		}
	} else if f.whole && f.table.inNone(number) {
		f.gone--
	}
	f.table.set(set, number, true)
	return nil
}

// freshness takes what was told so far for what answers come from.
func (f *feed) freshness(line followLine, now moment) error {
	t := f.table
	if !f.whole {
		t = t.withSets(f.sets, len(t.sets))
		f.gone = t.gone()
	}
	if f.gone > t.count/4+minSlots || !f.whole && f.gone > 0 {
		var err error
		if t, err = t.compact(); err != nil {
			return err
		}
		f.gone = 0
	}
	p := picture{table: t, freshness: *line.Freshness}
	if p.freshness.Fresh {
		elapsed, err := now.since(f.sent)
		if err != nil {
			return err
		}
		age := elapsed - time.Duration(line.AsOfMS)*time.Millisecond
		left := min(f.view.config.MaxStaleness-age, time.Duration(line.DayEndsMS)*time.Millisecond-elapsed)
		p.asOf, p.until = now.add(-age), now.add(left)
	}
	f.table, f.sets, f.whole = t, 0, true
	f.view.show(p)
	return nil
}
