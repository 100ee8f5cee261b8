package pipeline

import (
	"context"
	"errors"
	"reflect"
	"testing"

	"github.com/RoaringBitmap/roaring/v2"

	"rollcall/bitmaps"
	"rollcall/pipeline/segment"
)

// expectSMS holds a report on days of November 2026 against what a test wants.
func (w *world) expectSMS(q SMSQuery, from, to string, want SMSReport) {
	w.t.Helper()
	q.From, q.To = w.day(from+" 12:00"), w.day(to+" 12:00")
	want.From, want.To, want.Message, want.Segment = from, to, q.Message, q.Segment
	got, _, err := w.view.SMSReport(w.t.Context(), acme, q)
	w.must(err)
	if !reflect.DeepEqual(got, want) {
		w.t.Errorf("%+v:\n got %+v\nwant %+v", q, got, want)
	}
}

func TestSMSReport(t *testing.T) {
	w := newWorld(t, 2)
	w.segment("in", "all contacts where opted in")
	for _, contact := range []string{"a", "b", "c"} {
		w.contact(contact, "")
	}
	w.record(TopicOptedIn, "a", fields{"at": "2026-11-01T00:00:00Z"})
	w.behaviour(TopicClicked, "a", "m-1", "2026-11-01 09:00") // before it was sent
	w.behaviour(TopicSent, "a", "m-1", "2026-11-02 10:00")
	w.behaviour(TopicFailed, "a", "m-1", "2026-11-03 10:00") // of the first time
	w.behaviour(TopicSent, "a", "m-1", "2026-11-05 10:00")
	w.behaviour(TopicClicked, "a", "m-1", "2026-11-05 11:00")
	w.behaviour(TopicClicked, "a", "m-1", "2026-11-14 11:00")
	w.record(TopicSent, "b", fields{"id": "x1", "message": "m-1", "at": "2026-11-02T15:00:00Z", "message_name": "Hello"})
	w.record(TopicFailed, "b", fields{"id": "x2", "message": "m-1", "at": "2026-11-02T16:00:00Z", "reason": "unknown"})
	w.behaviour(TopicSent, "b", "m-2", "2026-11-05 10:00")
	w.behaviour(TopicReplied, "b", "m-2", "2026-11-05 10:01")
	w.record(TopicOptedOut, "b", fields{"message": "m-2", "at": "2026-11-06T00:00:00Z"})
	w.behaviour(TopicSent, "stranger", "m-1", "2026-11-02 10:00") // of whom there is no contacts record
	w.behaviour(TopicClicked, "c", "m-1", "2026-11-05 10:00")     // to whom nothing was sent
	w.settle()
	w.follow()
	w.expectSMS(SMSQuery{}, "2026-11-02", "2026-11-05", SMSReport{
		Totals: SMSCounts{Sent: 2, Delivered: 1, Clicked: 1, Replied: 1, Failed: 2, OptedOut: 1, Clicks: 2},
		Messages: []SMSOfMessage{
			{"m-1", "Hello", SMSCounts{Sent: 2, Clicked: 1, Failed: 2, Clicks: 2}},
			{"m-2", "m-2", SMSCounts{Sent: 1, Delivered: 1, Replied: 1, OptedOut: 1}},
		},
		Days: []SMSOfDay{
			{"2026-11-02", SMSCounts{Sent: 2, Clicked: 1, Failed: 2, Clicks: 2}},
			{"2026-11-05", SMSCounts{Sent: 2, Delivered: 2, Clicked: 1, Replied: 1, OptedOut: 1, Clicks: 2}},
		},
		Reasons: []SMSReason{{"", 1}, {"unknown", 1}},
	})
	late := SMSCounts{Sent: 1, Delivered: 1, Clicked: 1, Clicks: 2} // it did not fail since
	w.expectSMS(SMSQuery{Message: "m-1", Segment: "in"}, "2026-11-04", "2026-11-06", SMSReport{
		Totals: late, Messages: []SMSOfMessage{{"m-1", "Hello", late}}, Days: []SMSOfDay{{"2026-11-05", late}}, Reasons: []SMSReason{},
	})
	w.expectSMS(SMSQuery{Message: "m-9"}, "2026-11-01", "2026-11-15", SMSReport{Messages: []SMSOfMessage{}, Days: []SMSOfDay{}, Reasons: []SMSReason{}})

	w.write(TopicContacts, w.partitionOf("b"), acme+"/b", nil)
	w.settle()
	w.follow()
	early := SMSCounts{Sent: 1, Clicked: 1, Failed: 1, Clicks: 2}
	w.expectSMS(SMSQuery{}, "2026-11-01", "2026-11-03", SMSReport{
		Totals: early, Messages: []SMSOfMessage{{"m-1", "Hello", early}}, Days: []SMSOfDay{{"2026-11-02", early}}, Reasons: []SMSReason{{"", 1}},
	})
}

// TestSMSReportReadsRuns when all events are in runs, and the same event arrives
// again, or stands beside one of a contact that is erased.
func TestSMSReportReadsRuns(t *testing.T) {
	w := newWorld(t, 1)
	w.config.Limits = Limits{Changelog: 1, Flush: 1 << 20}
	for _, contact := range []string{"a", "b"} {
		w.contact(contact, "")
		w.behaviour(TopicSent, contact, "m-1", "2026-11-14 10:00")
		w.behaviour(TopicClicked, contact, "m-1", "2026-11-14 11:00")
	}
	w.settle()
	w.follow()
	for range 3 {
		w.behaviour(TopicClicked, "a", "m-1", "2026-11-14 12:00")
		w.settle()
		w.follow()
	}
	w.write(TopicContacts, 0, acme+"/b", nil)
	w.settle()
	w.follow()
	counts := SMSCounts{Sent: 1, Delivered: 1, Clicked: 1, Clicks: 4}
	w.expectSMS(SMSQuery{}, "2026-11-14", "2026-11-14", SMSReport{
		Totals: counts, Messages: []SMSOfMessage{{"m-1", "m-1", counts}}, Days: []SMSOfDay{{"2026-11-14", counts}}, Reasons: []SMSReason{},
	})
}

func TestSMSReportInVain(t *testing.T) {
	w := newWorld(t, 2)
	w.contact("a", "")
	w.behaviour(TopicSent, "a", "m-1", "2026-11-14 10:00")
	w.settle()
	w.follow()
	q := SMSQuery{From: w.day("2026-11-01 12:00"), To: w.day("2026-11-15 12:00")}
	if _, _, err := w.view.SMSReport(t.Context(), "nobody", q); !errors.Is(err, ErrUnavailable) {
		t.Errorf("of an account that there is not: %v", err)
	}
	w.segment("new", "all contacts")
	of := q
	of.Segment = "new"
	if _, _, err := w.view.SMSReport(t.Context(), acme, of); !errors.Is(err, ErrNotComposed) {
		t.Errorf("of a segment that is not composed: %v", err)
	}
	w.loseRedis() // events can't be read: the replica does not know yet
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := w.view.SMSReport(ctx, acme, q); !errors.Is(err, ErrUnavailable) {
		t.Errorf("when nobody waits for it: %v", err)
	}
	w.expectSMSFails(q)
	w.settle()
	w.follow()
	if r, _, err := w.view.SMSReport(t.Context(), acme, q); err != nil || r.Totals.Sent != 1 {
		t.Errorf("afterwards: %+v, %v", r.Totals, err)
	}
}

// expectSMSFails wants no numbers of a state that Redis no longer has.
func (w *world) expectSMSFails(q SMSQuery) {
	w.t.Helper()
	if r, _, err := w.view.SMSReport(w.t.Context(), acme, q); !errors.Is(err, ErrUnavailable) {
		w.t.Errorf("of a state that Redis does not have: %+v, %v", r, err)
	}
}

// TestSMSReportTakesTheNewState when a partition's state is replaced between two
// looks: numbers of contacts are not those of before.
func TestSMSReportTakesTheNewState(t *testing.T) {
	w := newWorld(t, 1)
	w.contact("a", "")
	w.behaviour(TopicSent, "a", "m-1", "2026-11-14 10:00")
	w.settle()
	w.follow()
	r := w.view.replicas[0]
	day := w.day("2026-11-14 12:00")
	x := smsReader{replica: r, state: r.state, def: w.catalog.Account(acme), query: &SMSQuery{From: day, To: day}, today: w.day("2026-11-15 12:00")}
	r.loaded = false
	w.must(r.follow(t.Context(), 0))
	if _, err := x.tally(t.Context()); !errors.Is(err, errLost) {
		t.Errorf("of the state before: %v", err)
	}
	x.state = r.state
	if tally, err := x.tally(t.Context()); err != nil || tally.totals.Sent != 1 || !tally.onDay {
		t.Errorf("of the state now: %+v, %v", tally, err)
	}
	x.today++
	if tally, err := x.tally(t.Context()); err != nil || tally.onDay {
		t.Errorf("of the day before: %+v, %v", tally, err)
	}
}

// TestSMSReportWaitsForTheReplica where Redis has events that the replica does not know yet.
func TestSMSReportWaitsForTheReplica(t *testing.T) {
	w := newWorld(t, 1)
	w.config.Limits = Limits{Changelog: 1, Flush: 1 << 20}
	w.config.Committed = nil // the replica reads all of it back
	w.contact("a", "")
	w.behaviour(TopicSent, "a", "m-1", "2026-11-14 10:00")
	w.settle()
	w.follow()
	w.behaviour(TopicSent, "a", "m-2", "2026-11-14 10:00")
	w.settle()
	q := SMSQuery{From: w.day("2026-11-14 12:00"), To: w.day("2026-11-14 12:00")}
	w.expectSMSFails(q)
	w.follow()
	if r, _, err := w.view.SMSReport(t.Context(), acme, q); err != nil || len(r.Messages) != 2 {
		t.Errorf("when it has followed: %+v, %v", r, err)
	}
}

// TestSMSReportOfAReplacedState where Redis has another state than the replica
// follows, whose days would go with what it knows.
func TestSMSReportOfAReplacedState(t *testing.T) {
	w := newWorld(t, 1)
	w.config.Limits = Limits{Changelog: 1 << 30, Flush: 1}
	w.contact("a", "")
	w.behaviour(TopicSent, "a", "m-1", "2026-11-14 10:00")
	w.settle()
	w.follow()
	w.config.Limits = Limits{Changelog: 1, Flush: 1 << 20}
	w.loseRedis()
	w.settle()
	q := SMSQuery{From: w.day("2026-11-14 12:00"), To: w.day("2026-11-14 12:00")}
	w.expectSMSFails(q)
	w.follow()
	if r, _, err := w.view.SMSReport(t.Context(), acme, q); err != nil || r.Totals.Sent != 1 {
		t.Errorf("when it has followed: %+v, %v", r, err)
	}
}

// TestSMSEventsOnce of which runs have some that the replica still knows.
func TestSMSEventsOnce(t *testing.T) {
	clicks := func(ids ...uint64) (events []bitmaps.Event) {
		for _, id := range ids {
			events = append(events, bitmaps.Event{Contact: 7, ID: id})
		}
		return events
	}
	x := smsReader{query: &SMSQuery{}}
	x.found.days = []smsDay{{series(segment.Clicked), 20000, roaring.BitmapOf(7), clicks(1, 2, 3), clicks(3, 4)}}
	if n := len(x.events().of[segment.Clicked]); n != 4 {
		t.Errorf("%d clicks", n)
	}
}

func TestSMSEventOrder(t *testing.T) {
	const most = maxNumber - 1
	in := []smsFailure{}
	e := &smsEvents{}
	for _, contact := range []uint32{0, 1, 65535} {
		for _, message := range []uint32{0, most} {
			for _, day := range []segment.Date{0, 20000, 65535} {
				is := smsEventOf(bitmaps.Event{Contact: contact, Message: message}, day)
				if is.contact() != uint64(contact) || is.message() != message || is.day() != day {
					t.Errorf("%d, %d, %v is %x", contact, message, day, is)
				}
				in = append(in, smsFailure{is, message})
				e.add(sentSeries, day, bitmaps.Event{Contact: contact, Message: message})
			}
		}
	}
	for i := 1; i < len(in); i++ {
		if in[i-1].smsEvent >= in[i].smsEvent {
			t.Errorf("%x before %x", in[i-1], in[i])
		}
	}
	sends, contacts := e.of[sentSeries], 0
	for ; len(sends) > 0; contacts++ {
		if n := len(sends.next()); n != 6 {
			t.Errorf("a contact has %d events", n)
		}
	}
	if contacts != 3 {
		t.Errorf("%d contacts", contacts)
	}
}
