package api

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"rollcall/pipeline/catalog"
	"rollcall/pipeline/segment"
)

// onDay is a day so many days before today, in UTC.
func onDay(ago int) string { return (segment.DateOf(time.Now().UTC()) - segment.Date(ago)).String() }

func TestSMSReport(t *testing.T) {
	b := newBench(t)
	got := b.ask("GET", "/v1/reports/sms?message=m-1&segment=base&from="+onDay(7)+"&to="+onDay(1), b.read, "")
	const counts = `"sent":7,"delivered":6,"clicked":5,"replied":4,"failed":1,"opted_out":2,"clicks":9}`
	want := fmt.Sprintf(`{"from":"%s","to":"%s","message":"m-1","segment":"base","totals":{%s,"messages":[{"message":"m-1","name":"One",%s],`+
		`"days":[{"day":"%s",%s],"reasons":[{"reason":"","contacts":1}],"freshness":{"fresh":true,`,
		onDay(7), onDay(1), counts, counts, onDay(1), counts)
	if got.status != 200 || !strings.HasPrefix(got.body, want) {
		t.Errorf("%d\n got %s\nwant %s", got.status, got.body, want)
	}
	b.ask("GET", "/v1/reports/sms", b.read, "")
	if q := b.views.reported; q.Message != "" || q.Segment != "" || q.From.String() != onDay(29) || q.To.String() != onDay(0) {
		t.Errorf("by default %+v", q)
	}
	b.ask("GET", "/v1/reports/sms?to="+onDay(725), b.read, "")
	if q := b.views.reported; q.From.String() != onDay(730) || q.To.String() != onDay(725) {
		t.Errorf("from the first kept day on: %+v", q)
	}
}

// TestSMSReportInTheZone has the days of an account that is a day ahead of another, or behind.
func TestSMSReportInTheZone(t *testing.T) {
	b := newBench(t)
	for i, zone := range []string{"Pacific/Kiritimati", "Pacific/Pago_Pago"} { // UTC+14, UTC-11
		id := fmt.Sprint("zone-", i)
		b.put(catalog.PutAccount{Account: id, Timezone: zone, RetentionDays: 10})
		token := b.token(id, catalog.Read)
		location, _ := time.LoadLocation(zone)
		today := segment.DateOf(time.Now().In(location))
		b.ask("GET", "/v1/reports/sms", token, "")
		if q := b.views.reported; q.To != today || q.From != today-10 {
			t.Errorf("%s: %v to %v, today is %v", zone, q.From, q.To, today)
		}
	}
}

func TestSMSReportOfAMessageNeverSeen(t *testing.T) {
	b := newBench(t)
	v := b.ask("GET", "/v1/reports/sms?message=m-i", b.read, "").json(t)
	if w := fmt.Sprint(v["warnings"]); !strings.Contains(w, "nearest:m-1") {
		t.Errorf("warnings: %v", w)
	}
	if v := b.ask("GET", "/v1/reports/sms?message=m-1", b.read, "").json(t); v["warnings"] != nil {
		t.Errorf("of one that was seen: %v", v["warnings"])
	}
}

func TestSMSReportRefuses(t *testing.T) {
	b := newBench(t)
	for query, want := range map[string]struct{ problem, says string }{
		"from=yesterday":                       {"invalid", "query.from"},
		"to=2026-02-30":                        {"invalid", "query.to"},
		"from=2026-01-01T10:00:00Z":            {"invalid", "query.from"},
		"from=" + onDay(731):                   {"invalid", "the account keeps 730 days, and " + onDay(730) + " is the first"},
		"to=" + onDay(731):                     {"invalid", "query.to"},
		"from=" + onDay(1) + "&to=" + onDay(2): {"invalid", "expected a day not before " + onDay(1)},
		"segment=none":                         {"not-found", "none"},
		"form=" + onDay(1):                     {"invalid", "form"},
	} {
		got := b.ask("GET", "/v1/reports/sms?"+query, b.read, "")
		if got.problem() != want.problem || !strings.Contains(got.body, want.says) || strings.Contains(got.body, "yesterday") {
			t.Errorf("%s: %d %s", query, got.status, got.body)
		}
	}
	b.views.composed = false
	if got := b.ask("GET", "/v1/reports/sms?segment=base", b.read, ""); got.problem() != "not-composed" || got.header.Get("Retry-After") == "" {
		t.Errorf("not composed: %d %s", got.status, got.body)
	}
	b.views.composed, b.views.reportErr = true, ErrNotComposed
	if got := b.ask("GET", "/v1/reports/sms?segment=base", b.read, ""); got.problem() != "not-composed" {
		t.Errorf("edited meanwhile: %d %s", got.status, got.body)
	}
	b.views.reportErr = fmt.Errorf("redis: %w", ErrUnavailable)
	if got := b.ask("GET", "/v1/reports/sms", b.read, ""); got.problem() != "unavailable" {
		t.Errorf("no Redis: %d %s", got.status, got.body)
	}
}

func TestSMSReportIsGivenThoughNotFresh(t *testing.T) {
	b := newBench(t)
	b.views.stale = true
	got := b.ask("GET", "/v1/reports/sms?segment=base", b.read, "")
	if f := got.json(t)["freshness"].(map[string]any); got.status != 200 || f["fresh"] != false || f["missing"] == nil {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func TestReportsAreLimited(t *testing.T) {
	b := newBench(t)
	b.server.reports.Limit = Limit{All: 2, PerAccount: 1}
	leave, p := b.server.reports.enter("acme")
	if p != nil {
		t.Fatal(p)
	}
	if got := b.ask("GET", "/v1/reports/sms", b.read, ""); got.status != 429 || got.problem() != "too-many" {
		t.Errorf("over the account's limit: %d %s", got.status, got.body)
	}
	if got := b.ask("GET", "/v1/messages", b.read, ""); got.status != 200 {
		t.Errorf("what is no report: %d %s", got.status, got.body)
	}
	if _, p := b.server.reports.enter("demo"); p != nil {
		t.Fatal(p)
	}
	if got := b.ask("GET", "/v1/reports/sms", b.foreign, ""); got.status != 503 || got.problem() != "busy" || got.header.Get("Retry-After") == "" {
		t.Errorf("over the server's limit: %d %s", got.status, got.body)
	}
	leave()
	if got := b.ask("GET", "/v1/reports/sms", b.read, ""); got.status != 200 {
		t.Errorf("afterwards: %d %s", got.status, got.body)
	}
	if open := testutil.ToFloat64(b.server.reports.open); open != 1 {
		t.Errorf("%v reports are counted", open)
	}
	if problems, err := testutil.GatherAndLint(b.server.Registry, "rollcall_reports"); err != nil || len(problems) > 0 {
		t.Error(problems, err)
	}
}
