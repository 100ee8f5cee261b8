package main

import (
	"strings"
	"testing"
	"time"

	"rollcall/pipeline/segment"
)

func TestMenus(t *testing.T) {
	b := newBench(t)
	b.expect("LIST     KIND       SIZE  NAME\nkontakt  form       2     \"Kontakt\\n\"\nspring   marketing  6     Spring sale\n", "list", "list")
	if out := b.expect("spring", "list", "list", "--kind", "marketing", "-q", "sal"); strings.Contains(out, "kontakt") {
		t.Errorf("of one kind: %s", out)
	}
	b.expect(`[{"kind":"form"`, "list", "list", "--json")
	if code, _, errs := b.run("list", "list", "--kind", "opt-in"); code != 2 || !strings.Contains(errs, "marketing") {
		t.Errorf("exit %d: %s", code, errs)
	}
	b.expect("MESSAGE  FIRST SENT  SENT  NAME\nm-2      2026-11-20  5     Sommer\nm-3      -           0     m-3\n", "message", "list")
	if out := b.expect("m-3", "message", "list", "--query", "m-3"); strings.Contains(out, "m-2") {
		t.Errorf("looked for: %s", out)
	}
	b.expectError("limit", "message", "list", "--limit", "0")
}

func TestReport(t *testing.T) {
	b := newBench(t)
	b.run("segment", "put", "a", "all contacts")
	today := segment.DateOf(time.Now().UTC())
	heading := "sent from " + (today - 29).String() + " to " + today.String()
	const rest = "SENT  DELIVERED  CLICKED  REPLIED  FAILED  OPTED OUT  CLICKS"
	const row = "70    60         50       40       10      2          90"
	b.expect(heading+"\n\nMESSAGE  "+rest+"  NAME\nall      "+row+"      \nm-2      "+row+"      Sommer\n\nDAY         "+rest+"\n2026-11-20  "+row+
		"\n\nFAILED  REASON\n7       unknown\n3       none given\n", "report", "sms")
	day := today.String()
	b.expect("sent from "+day+" to "+day+"\n", "report", "sms", "--segment", "a", "--from", day, "--to", day)
	b.expect(`"message":"m-2","segment":"a"`, "report", "sms", "--message", "m-2", "--segment", "a", "--json")
	b.expectError(`no segment "b"`, "report", "sms", "--segment", "b")
	b.expectError("expected a day such as", "report", "sms", "--from", "yesterday")
	if _, out, errs := b.run("report", "sms", "--message", "none"); !strings.Contains(errs, "warning: ") || strings.Contains(out, "DAY") {
		t.Errorf("of a message that was not sent: %s%s", out, errs)
	}
	b.views.stale = true
	b.expect(heading+" (not fresh)\n", "report", "sms")
}
