package segment

import (
	"reflect"
	"testing"
)

func TestReferences(t *testing.T) {
	d := mustParse(t, `segment "base" where in list "a" and (not in form "f" or in webinar "w" and in list "a") and not not in segment "base"`)
	want := []Ref{{Segment, "base"}, {List, "a"}, {Form, "f"}, {Webinar, "w"}}
	if got := d.References(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for _, text := range []string{"all contacts", where("opted in")} {
		if got := mustParse(t, text).References(); got != nil {
			t.Errorf("%s mentions %v", text, got)
		}
	}
}

func TestReachesBack(t *testing.T) {
	for text, want := range map[string]bool{
		"all contacts": false, where("opted in"): false, where("clicked"): true, where("not clicked ever"): true,
		where("clicked in last 30 days"): false, where("sent since 2026-01-01"): false,
		where(`opted in and (phone in US or not sent message "m" before 2026-01-01)`): true,
	} {
		if mustParse(t, text).ReachesBack() != want {
			t.Errorf("%s: %v", text, !want)
		}
	}
}

func TestMessages(t *testing.T) {
	d := mustParse(t, where(`clicked message "b" or not (clicked none of messages "a", "b" and sent all of messages "b") or failed`))
	want := [Behaviours][]string{Clicked: {"b", "a"}, Sent: {"b"}}
	if got := d.Messages(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
