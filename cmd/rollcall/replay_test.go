package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"rollcall/api"
	"rollcall/pipeline/catalog"
)

// report has both partitions of a replay say the same.
func (b *bench) report(id int64, failure string) {
	b.t.Helper()
	for p := range int32(2) {
		part := catalog.ReplayPart{Topic: "sms.sent", Partition: p, From: 3, Next: 8, End: 8, Read: 5, Applied: 2, Repeated: 3}
		_, err := b.log.Put(b.t.Context(), catalog.ReportReplay{Replay: id, Partition: p, Of: 2, Parts: []catalog.ReplayPart{part}, Failure: failure})
		if err != nil {
			b.t.Fatal(err)
		}
	}
}

// started waits for a replay to be there, and returns its id.
func (b *bench) started() int64 {
	for range 500 {
		if all := b.views.catalog.Replays(); len(all) > 0 {
			return all[len(all)-1].ID
		}
		time.Sleep(10 * time.Millisecond)
	}
	b.t.Fatal("no replay is begun")
	return 0
}

func TestReplay(t *testing.T) {
	b := newBench(t)
	go func() { b.report(b.started(), "") }()
	out := b.expect("running", "replay", "sms.sent", "--from", "2026-01-01", "--to", "2026-02-01T12:00:00Z", "--rate", "100")
	for _, want := range []string{"done: 10 of 10, 100%", "READ  APPLIED  REPEATED", "10    4        6"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	b.expect("sms.sent  2026-01-01T00:00:00Z  2026-02-01T12:00:00Z  100%", "replay", "list")
	b.expect("sms.sent  1          3     8     8", "replay", "show", "1")
	b.expect(`"applied":4`, "replay", "show", "1", "--json")
	b.expectError("done already", "replay", "cancel", "1")
	b.expectError("no replay", "replay", "show", "7")
}

func TestReplayFails(t *testing.T) {
	b := newBench(t)
	go func() { b.report(b.started(), "there is no topic archive") }()
	b.expectError("failed: there is no topic archive", "replay", "archive", "--as", "sms.sent", "--from", "2026-01-01")
	b.expectError("neither like", "replay", "sms.sent", "--from", "yesterday")
	b.expectError("--as is for one topic", "replay", "a", "b", "--as", "sms.sent", "--from", "2026-01-01")
	b.expectError("not a topic that is read", "replay", "a", "--from", "2026-01-01")
}

// Who stops looking leaves the replay running.
func TestReplayDetached(t *testing.T) {
	b := newBench(t)
	id := strings.TrimSpace(b.expect("", "replay", "sms.sent", "--from", "2026-01-01", "--detach"))
	b.expect("", "replay", "cancel", id)
	b.expect("cancelled", "replay", "show", id)

	ctx, interrupt := context.WithTimeout(t.Context(), time.Second)
	defer interrupt()
	var out, errs bytes.Buffer
	if code := run(ctx, []string{"replay", "sms.sent", "--from", "2026-01-01", "--server", b.url}, &out, &errs); code == 0 ||
		!strings.Contains(errs.String(), "goes on: rollcall replay show 3") {
		t.Errorf("exit %d\n%s%s", code, out.String(), errs.String())
	}
	if r := b.views.catalog.Replay(3); r.State() != catalog.ReplayRunning {
		t.Errorf("it is %s", r.State())
	}
}

func TestShare(t *testing.T) {
	tests := []struct {
		replay api.Replay
		want   string
	}{
		{api.Replay{}, "0%"},
		{api.Replay{State: "done"}, "100%"},
		{api.Replay{Progress: []api.ReplayProgress{{From: 10, Next: 15, End: 20}, {From: 0, Next: 0, End: 10}}}, "25%"},
	}
	for _, tt := range tests {
		if got := share(tt.replay); got != tt.want {
			t.Errorf("%+v: %s", tt.replay, got)
		}
	}
}
