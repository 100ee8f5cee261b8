package pipeline

import (
	"context"
	"errors"
	"slices"
	"testing"

	"rollcall/pipeline/naive"
	"rollcall/pipeline/segment"
)

// compareMenus holds the sizes of lists, and what was sent, against the naive way.
// Lists and messages that only erased contacts or days beyond the kept ones had
// are still known, and empty.
func (p *process) compareMenus(account string, want *naive.Result) {
	t := p.h.t
	t.Helper()
	sizes, sent, first := map[naive.List]int64{}, map[string]int64{}, map[string]segment.Date{}
	for _, id := range want.Said(account) {
		k := want.Known(account, id)
		for l, said := range k.Lists {
			sizes[l] += one(k.Exists && said.Member)
		}
		for _, e := range k.Events {
			if sent[e.Message] += one(e.Behaviour == segment.Sent); e.Behaviour == segment.Sent && (first[e.Message] == 0 || e.Day < first[e.Message]) {
				first[e.Message] = e.Day
			}
		}
	}
	for _, l := range p.view.Lists(account) {
		of := naive.List{Kind: l.Kind, Name: l.ID}
		if l.Size != sizes[of] || l.Name == "" {
			t.Errorf("%s: list %+v, want %d contacts", account, l, sizes[of])
		}
		delete(sizes, of)
	}
	messages, err := p.view.Messages(context.Background(), account)
	if errors.Is(err, ErrUnavailable) && p.h.mend != nil { // it found what nobody had looked at
		p.h.mend()
		messages, err = p.view.Messages(context.Background(), account)
	}
	p.h.must(err)
	for _, m := range messages {
		day := ""
		if sent[m.ID] > 0 {
			day = first[m.ID].String()
		}
		if m.Sent != sent[m.ID] || m.FirstSent != day || m.Name == "" {
			t.Errorf("%s: message %+v, want %d sent since %s", account, m, sent[m.ID], day)
		}
		delete(sent, m.ID)
	}
	if len(sizes)+len(sent) > 0 {
		t.Errorf("%s: lists %v and messages %v are missing", account, sizes, sent)
	}
}

func TestMenus(t *testing.T) {
	w := newWorld(t, 3)
	for _, contact := range []string{"a", "b", "c", "d", "e", "f"} {
		w.contact(contact, "")
		w.record(TopicLists, contact, fields{"kind": "marketing", "list": "spring", "name": "Spring of " + contact, "member": contact != "b",
			"at": "2026-11-10T00:00:0" + map[bool]string{true: "9", false: "1"}[contact == "c"] + "Z"})
		w.behaviour(TopicSent, contact, "m-old", "2026-11-01 10:00")
		w.behaviour(TopicSent, contact, "m-new", "2026-11-12 10:00")
	}
	w.behaviour(TopicSent, "a", "m-new", "2026-11-13 10:00")
	w.list("form", "spring", "a", true)
	w.list("marketing", "left", "a", false)
	w.list("marketing", "spring", "stranger", true) // of whom there is no contacts record
	w.behaviour(TopicSent, "stranger", "m-old", "2026-11-02 10:00")
	w.behaviour(TopicClicked, "b", "m-clicked", "2026-11-13 10:00")
	w.settle()
	w.follow()
	lists := []ListSize{{"marketing", "spring", "Spring of c", 5}, {"marketing", "left", "left", 0}, {"form", "spring", "spring", 1}}
	if got := w.view.Lists(acme); !slices.Equal(got, []ListSize{lists[0], lists[1], lists[2]}) {
		t.Errorf("lists: %+v", got)
	}
	messages := []SentMessage{{"m-new", "m-new", "2026-11-12", 7}, {"m-old", "m-old", "2026-11-01", 7}, {"m-clicked", "m-clicked", "", 0}}
	if got, err := w.view.Messages(t.Context(), acme); err != nil || !slices.Equal(got, messages) {
		t.Errorf("messages: %+v, %v", got, err)
	}
	if got := w.view.Lists("nobody"); len(got) != 0 {
		t.Errorf("of an account that there is not: %v", got)
	}
	if _, err := w.view.Messages(t.Context(), "nobody"); !errors.Is(err, ErrUnavailable) {
		t.Errorf("of an account that there is not: %v", err)
	}
}
