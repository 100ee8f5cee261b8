package catalog

import (
	"fmt"
	"slices"
	"testing"
)

func start(topics string) string {
	return fmt.Sprintf(`{"type":"replay.start","topics":[%s],"from":1000,"to":2000}`, topics)
}

func reported(replay, partition int, more string) string {
	return fmt.Sprintf(`{"type":"replay.report","replay":%d,"partition":%d,"of":2%s}`, replay, partition, more)
}

const sent = `{"name":"sms.sent"}`

func TestReplayRefusals(t *testing.T) {
	var many []string
	for range maxReplays {
		many = append(many, start(sent))
	}
	tests := []struct {
		name   string
		before []string
		entry  string
		want   Kind
	}{
		{"replay", nil, start(sent), ""},
		{"archive", nil, start(`{"name":"archive.2025","as":"sms.sent"},{"name":"sms.clicked"}`), ""},
		{"no topic", nil, start(""), Invalid},
		{"topic twice", nil, start(sent + "," + sent), Invalid},
		{"not a topic", nil, start(`{"name":"a/b"}`), Invalid},
		{"as not a topic", nil, start(`{"name":"a","as":"sms sent"}`), Invalid},
		{"empty range", nil, `{"type":"replay.start","topics":[{"name":"a"}],"from":2000,"to":2000}`, Invalid},
		{"negative rate", nil, `{"type":"replay.start","topics":[{"name":"a"}],"from":1,"to":2,"rate":-1}`, Invalid},
		{"too many", many, start(sent), Conflict},
		{"cancel", []string{start(sent)}, `{"type":"replay.cancel","replay":0}`, ""},
		{"cancel twice", []string{start(sent), `{"type":"replay.cancel","replay":0}`}, `{"type":"replay.cancel","replay":0}`, Invalid},
		{"cancel none", []string{start(sent)}, `{"type":"replay.cancel","replay":1}`, NotFound},
		{"cancel what is done", []string{start(sent), reported(0, 0, ""), reported(0, 1, "")}, `{"type":"replay.cancel","replay":0}`, Invalid},
		{"report", []string{start(sent)}, reported(0, 1, ""), ""},
		{"report twice", []string{start(sent), reported(0, 1, "")}, reported(0, 1, ""), Conflict},
		{"report on none", nil, reported(0, 1, ""), NotFound},
		{"report of none", []string{start(sent)}, reported(0, 2, ""), Invalid},
	}
	for _, tt := range tests {
		c := New()
		if err := put(c, tt.before...); err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		if err := put(c, tt.entry); kindOf(err) != tt.want || err == nil != (tt.want == "") {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}

func TestReplayStates(t *testing.T) {
	cancel := `{"type":"replay.cancel","replay":0}`
	tests := []struct {
		entries []string
		want    ReplayState
		ended   bool
	}{
		{nil, ReplayRunning, false},
		{[]string{reported(0, 1, "")}, ReplayRunning, false},
		{[]string{reported(0, 1, ""), reported(0, 0, "")}, ReplayDone, true},
		{[]string{reported(0, 1, ""), cancel}, ReplayCancelled, false},
		{[]string{reported(0, 1, ""), cancel, reported(0, 0, "")}, ReplayCancelled, true},
		{[]string{reported(0, 1, `,"failure":"no topic"`)}, ReplayFailed, false},
		{[]string{reported(0, 1, `,"failure":"no topic"`), reported(0, 0, "")}, ReplayFailed, true},
	}
	for _, tt := range tests {
		c := New()
		if err := put(c, append([]string{start(sent)}, tt.entries...)...); err != nil {
			t.Fatal(err)
		}
		if r := c.Replay(0); r.State() != tt.want || r.EndedAt.IsZero() == tt.ended {
			t.Errorf("after %q: %s, ended %v", tt.entries, r.State(), r.EndedAt)
		}
	}
}

// Of replays that have ended the newest are remembered, of others all.
func TestReplaysAreBounded(t *testing.T) {
	c := New()
	if err := put(c, start(sent)); err != nil {
		t.Fatal(err)
	}
	for range 2 * keptReplays {
		id := int(c.Offset())
		if err := put(c, start(sent), reported(id, 0, ""), reported(id, 1, "")); err != nil {
			t.Fatal(err)
		}
	}
	all := c.Replays()
	if len(all) != keptReplays+1 || all[0].ID != 0 || all[0].State() != ReplayRunning || all[len(all)-1].ID != c.Offset()-3 {
		t.Errorf("%d are remembered, from %d to %d", len(all), all[0].ID, all[len(all)-1].ID)
	}
	if !slices.IsSortedFunc(all, func(a, b *Replay) int { return int(a.ID - b.ID) }) {
		t.Error("they are not sorted")
	}
}
