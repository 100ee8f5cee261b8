package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"rollcall/api"
	"rollcall/pipeline"
	"rollcall/pipeline/catalog"
	"rollcall/pipeline/segment"
)

// fakeViews knows three contacts, all in every segment.
type fakeViews struct {
	catalog *catalog.Catalog
	stale   bool
	looks   int // at a rebuild
	watches chan []api.SegmentSize
}

var contacts = []string{"c1", "c 2", "c\n3"}

func (f *fakeViews) Freshness(string) api.Freshness {
	if f.stale {
		return api.Freshness{Missing: []string{"sms.sent/3"}}
	}
	return api.Freshness{Fresh: true}
}

func (f *fakeViews) Size(account, id string) api.Size {
	seg := f.catalog.Account(account).Segment(id)
	if seg == nil {
		return api.Size{}
	}
	return api.Size{Version: seg.Version, Ready: true, Members: 3, Sendable: 2, Entered: 5, Exited: 2}
}

func (f *fakeViews) Warnings(_ string, def segment.Definition) []api.Warning {
	if _, ok := def.Where.(segment.Did); ok || def.From.Kind == segment.List {
		return []api.Warning{{Message: "no list " + def.From.Name + " was ever seen"}}
	}
	return nil
}

func (f *fakeViews) Check(_ context.Context, _, _ string, asked []string) (answers []api.Membership, _ api.Freshness, _ error) {
	for _, c := range asked {
		m := api.Membership{Contact: c, Member: slices.Contains(contacts, c)}
		if !m.Member {
			m.Blocked = []string{"not_member", "opted_out"}
		}
		answers = append(answers, m)
	}
	return answers, f.Freshness(""), nil
}

func (f *fakeViews) Explain(_ context.Context, _, id, contact string) (api.Explanation, api.Freshness, error) {
	e := api.Explanation{Contact: contact, Segment: id, Known: slices.Contains(contacts, contact), Blocked: []string{"not_member"}, Begins: "2026-12-21"}
	e.Origin = api.Finding{Condition: "all contacts", Holds: true}
	e.Where = &api.Finding{Condition: "not clicked in last 3 days", Begins: "2026-12-21", Parts: []api.Finding{
		{Condition: "clicked in last 3 days", Holds: true, Lapses: "2026-12-21", Detail: "on 1 day in the period, 2026-12-17"},
	}}
	return e, f.Freshness(""), nil
}

func (f *fakeViews) Stream(_ context.Context, _ string, _ segment.Origin, q api.StreamQuery, yield func([]string, string) error) (int64, api.Freshness, error) {
	if q.Cursor == "gone" {
		return 0, api.Freshness{}, api.ErrCursorGone
	}
	if err := yield(contacts, "x"); err != nil {
		return 0, api.Freshness{}, err
	}
	return 3, api.Freshness{Fresh: q.Cursor != "stale"}, nil
}

func (f *fakeViews) Preview(_ context.Context, _ string, _ segment.Definition, overlap string) (api.Preview, api.Freshness, error) {
	p := api.Preview{Size: 3, Funnel: []api.Step{{Condition: "opted in", Size: 3}}, Sample: []string{"c1"}}
	if overlap != "" {
		p.Overlap = &pipeline.Overlap{Segment: overlap, Both: 1, OnlyThis: 2, OnlyOther: 5}
	}
	return p, api.Freshness{}, nil
}

func (f *fakeViews) Lists(string) []api.ListSize {
	return []api.ListSize{{Kind: "form", ID: "kontakt", Name: "Kontakt\n", Size: 2}, {Kind: "marketing", ID: "spring", Name: "Spring sale", Size: 6}}
}

func (f *fakeViews) Messages(context.Context, string) ([]api.SentMessage, error) {
	return []api.SentMessage{{ID: "m-2", Name: "Sommer", FirstSent: "2026-11-20", Sent: 5}, {ID: "m-3", Name: "m-3"}}, nil
}

func (f *fakeViews) SMSReport(_ context.Context, _ string, q api.SMSQuery) (api.SMSReport, api.Freshness, error) {
	counts := api.SMSCounts{Sent: 70, Delivered: 60, Clicked: 50, Replied: 40, Failed: 10, OptedOut: 2, Clicks: 90}
	r := api.SMSReport{From: q.From.String(), To: q.To.String(), Message: q.Message, Segment: q.Segment, Totals: counts}
	if q.Message != "none" {
		r.Messages = []pipeline.SMSOfMessage{{Message: "m-2", Name: "Sommer", SMSCounts: counts}}
		r.Days = []pipeline.SMSOfDay{{Day: "2026-11-20", SMSCounts: counts}}
		r.Reasons = []pipeline.SMSReason{{Reason: "unknown", Contacts: 7}, {Contacts: 3}}
	}
	return r, f.Freshness(""), nil
}

func (f *fakeViews) Watch(string, []string) api.Watch { return f }

func (f *fakeViews) Follow(context.Context, string, []string, func(api.FollowUpdate) error) error {
	return nil
}

func (f *fakeViews) Next(ctx context.Context) ([]api.SegmentSize, error) {
	select {
	case sizes := <-f.watches:
		return sizes, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (f *fakeViews) Close() {}

// Rebuild is running when it is looked at first, and then done.
func (f *fakeViews) Rebuild(_ context.Context, id string) (*pipeline.RebuildStatus, error) {
	all := f.catalog.Rebuilds()
	i := slices.IndexFunc(all, func(r catalog.Rebuild) bool { return r.ID == id })
	if i < 0 {
		return nil, nil
	}
	s := &pipeline.RebuildStatus{Rebuild: all[i], State: "running", Partitions: []pipeline.RebuildReport{{State: pipeline.RebuildRuns, Offsets: 3, Of: 9}}}
	if f.looks++; f.looks > 2 {
		s.State = "done"
		s.Partitions[0] = pipeline.RebuildReport{State: pipeline.RebuildTaken, Offsets: 9, Of: 9, Differences: 2,
			Listed: []pipeline.Difference{{Account: "acme", Segment: "s", Contact: "c1", Change: "exited"}}}
	}
	return s, nil
}

func (f *fakeViews) Status(account string) api.Status {
	return api.Status{
		Freshness:   f.Freshness(account),
		Partitions:  []api.PartitionStatus{{Partition: 7, Owner: "host-1", Lag: map[string]int64{"sms.sent": 9, "lists": 0}}},
		Outcomes:    map[string]int64{"applied": 41},
		DeadLetters: map[string]int64{"not_json": 2},
		DataLost:    true, DataLostReasons: []string{"sms.sent/3 begins at 17"},
	}
}

func (f *fakeViews) CheckReplay(t api.ReplayTopic) error {
	return pipeline.NewView(pipeline.ViewConfig{Catalog: f.catalog}).CheckReplay(t)
}

func (f *fakeViews) Replays() []api.Replay {
	return pipeline.NewView(pipeline.ViewConfig{Catalog: f.catalog}).Replays()
}

func (f *fakeViews) Replay(id string) (api.Replay, bool) {
	return pipeline.NewView(pipeline.ViewConfig{Catalog: f.catalog}).Replay(id)
}

type fakeEraser chan string

func (e fakeEraser) Erase(_ context.Context, account, contact string) error {
	e <- account + " " + contact
	return nil
}

type bench struct {
	t      *testing.T
	views  *fakeViews
	eraser fakeEraser
	log    *catalog.Log
	kafka  *fakeRecords
	url    string
}

// newBench is a server without tokens, with the account demo.
func newBench(t *testing.T) *bench {
	c := catalog.New()
	log := catalog.NewLog(c, &catalog.Memory{})
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { log.Run(ctx) })
	t.Cleanup(func() { stop(); running.Wait() })
	if _, err := log.Put(ctx, catalog.PutAccount{Account: "demo", Timezone: "UTC", RetentionDays: 730}); err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, views: &fakeViews{catalog: c, watches: make(chan []api.SegmentSize)}, eraser: make(fakeEraser, 9), log: log, kafka: &fakeRecords{}}
	server, err := api.New(api.Config{
		Catalog: c, Definitions: log, Views: b.views, Eraser: b.eraser, Records: b.kafka, Sizes: fakeSizes{}, Changes: fakeChanges{}, Registry: prometheus.NewRegistry(),
		Snapshots:     &fakeSnapshots{catalog: c, log: log},
		OperatorToken: "op", Tokenless: true, Version: "v1",
	})
	if err != nil {
		t.Fatal(err)
	}
	h := httptest.NewServer(server)
	t.Cleanup(h.Close)
	b.url = h.URL
	return b
}

// run runs a command and returns its exit code and what it printed.
func (b *bench) run(args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = run(b.t.Context(), append(args, "--server", b.url), &out, &errs)
	return code, out.String(), errs.String()
}

// expect runs a command that must succeed and print something like want.
func (b *bench) expect(want string, args ...string) string {
	b.t.Helper()
	code, out, errs := b.run(args...)
	if code != 0 || !strings.Contains(out, want) {
		b.t.Errorf("%q: exit %d\n%s%s\nwant %q", args, code, out, errs, want)
	}
	return out
}

// expectError runs a command that must fail and say something like want.
func (b *bench) expectError(want string, args ...string) {
	b.t.Helper()
	code, out, errs := b.run(args...)
	if code == 0 || !strings.Contains(errs, want) {
		b.t.Errorf("%q: exit %d\n%s%s\nwant %q", args, code, out, errs, want)
	}
}

func TestSegments(t *testing.T) {
	b := newBench(t)
	b.expect("3 members, 2 sendable", "segment", "put", "a", "all contacts where opted in and phone in us", "--name", "The A's")
	b.expect("all contacts where opted in and phone in US", "segment", "show", "a")
	b.expect("The A's", "segment", "list")
	b.expect(`"text":"all contacts where opted out"`, "segment", "put", "j", `{"from":{"all_contacts":true},"where":{"opted_out":true}}`, "--json")
	b.expect("3 members, 2 sendable\n", "segment", "size", "a")
	b.expect("opted in", "segment", "preview", "all contacts where opted in")
	b.expect("1 in segment a too, 2 only in this, 5 only in a\n", "segment", "preview", "all contacts", "--overlap", "a")
	b.expectError(`no segment "none"`, "segment", "preview", "all contacts", "--overlap", "none")
	b.expect("c1\nc 2\n\"c\\n3\"\n", "segment", "members", "a")
	b.expect(`{"contact":"c\n3","cursor":"x"}`, "segment", "recipients", "a", "--slice", "1/1", "--json")
	b.expectError("no list none was ever seen", "list", "recipients", "none")
	b.expectError("version", "segment", "put", "a", "all contacts", "--if-version", "99")
	b.expectError("begins like JSON", "segment", "put", "a", `{"from"`)
	b.expectError("", "segment", "show", "none")
	b.expect("", "segment", "delete", "a")
	b.expectError(`no segment "a"`, "segment", "show", "a")

	if _, _, errs := b.run("segment", "put", "w", `list "sprign"`); !strings.Contains(errs, "warning: no list sprign") {
		t.Errorf("no warning: %s", errs)
	}
}

func TestCaret(t *testing.T) {
	b := newBench(t)
	b.expectError("  all contacts where clickd\n                     ^\nrollcall: ", "segment", "put", "a", "all contacts where clickd")
	b.expectError("  \twhere opted in and é and\n  \t                   ^\n", "segment", "preview", "all contacts\n\twhere opted in and é and")
	if got := caret("ä\tbc", 1, 4); got != "  ä\tbc\n   \t ^\n" {
		t.Errorf("%q", got)
	}
	for _, column := range []int{-1, 0, 99} {
		caret("a", 1, column) // must not panic
	}
}

func TestCutOffList(t *testing.T) {
	b := newBench(t)
	b.expect("c1", "segment", "put", "c1", "all contacts")
	b.expectError("cut off after 3 contacts", "segment", "members", "c1", "--cursor", "stale")
	b.expect("c1", "segment", "members", "c1", "--cursor", "stale", "--allow-stale")
	b.expectError("start again without a cursor", "segment", "members", "c1", "--cursor", "gone")
	b.views.stale = true
	b.expectError("behind: sms.sent/3", "segment", "members", "c1")

	for list, want := range map[string]string{
		``:                                  "cut off after 0 contacts",
		`{"contact":"a","cursor":"x"}`:      "--cursor x",
		"{\"contact\":\"a\"}\n{\"contact\"": "cut off after 1 contacts",
	} {
		if _, err := copyList(io.Discard, strings.NewReader(list), false); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", list, err)
		}
	}
}

func TestExplain(t *testing.T) {
	b := newBench(t)
	b.run("segment", "put", "a", "all contacts")
	want := `c1 is not in a before 2026-12-21, not sendable: not_member
HOLDS  CHANGES     CONDITION                   DETAIL
yes    -           all contacts                
no     2026-12-21  not clicked in last 3 days  
yes    2026-12-21    clicked in last 3 days    on 1 day in the period, 2026-12-17
`
	if got := b.expect("", "segment", "explain", "a", "c1"); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	b.expect("there is no contact x/?&", "segment", "explain", "a", "x/?&")
	b.expect(`"condition":"all contacts"`, "segment", "explain", "a", "c1", "--json")
	b.views.stale = true
	b.expectError("behind", "segment", "explain", "a", "c1")
	b.expect("c1 is not in a", "segment", "explain", "a", "c1", "--allow-stale")
}

func TestCheckAndErase(t *testing.T) {
	b := newBench(t)
	b.run("segment", "put", "a", "all contacts")
	out := b.expect("not_member, opted_out", "check", "a", "c1", "nobody")
	if !strings.Contains(out, "c1       yes     no") {
		t.Errorf("check:\n%s", out)
	}
	b.expect("", "erase", "x/../y ?#")
	b.expectError(`no segment "none"`, "segment", "explain", "none", "c1")
	if got := <-b.eraser; got != "demo x/../y ?#" {
		t.Errorf("erased %q", got)
	}
}

func TestAccountsAndTokens(t *testing.T) {
	b := newBench(t)
	secret := strings.TrimSpace(b.expect("rollcall_", "account", "create", "acme", "--timezone", "America/New_York", "--retention-days", "90"))
	b.expect("acme     America/New_York  90", "account", "list")
	b.expectError("already", "account", "create", "acme")
	b.expectError("takes the operator's token", "account", "list", "--token", secret)
	b.expect("write", "token", "list", "--token", secret)
	reader := strings.TrimSpace(b.expect("rollcall_", "token", "create", "--scope", "read", "--token", secret))
	b.expectError("scope write", "segment", "put", "a", "all contacts", "--token", reader)
	id := strings.Fields(b.expect("read", "token", "list", "--token", secret))
	revoked := id[slices.Index(id, "read")-1]
	b.expect("", "token", "revoke", revoked, "--token", secret)
	b.expectError("--token or ROLLCALL_TOKEN", "segment", "list", "--token", reader)
	b.expect("SEGMENT", "segment", "list", "--account", "acme")
	b.expectError(`no account "other"`, "segment", "list", "--account", "other")
	b.expect("", "account", "delete", "acme")
	b.expectError("--scope", "token", "create")
}

func TestEnvironment(t *testing.T) {
	b := newBench(t)
	t.Setenv("ROLLCALL_SERVER", b.url)
	t.Setenv("ROLLCALL_TOKEN", "op")
	t.Setenv("ROLLCALL_ACCOUNT", "demo")
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"segment", "list"}, &out, &errs); code != 0 {
		t.Errorf("exit %d: %s", code, errs.String())
	}
	t.Setenv("ROLLCALL_TOKEN", "wrong")
	if code := run(t.Context(), []string{"segment", "list"}, &out, &errs); code != 1 {
		t.Errorf("exit %d with a wrong token", code)
	}
}

func TestStatus(t *testing.T) {
	b := newBench(t)
	out := b.expect("server v1, account (all): fresh", "status")
	for _, want := range []string{"DATA LOST", "sms.sent/3 begins at 17", "host-1", "sms.sent 9 ", "applied  41", "not_json      2"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	b.expect("account demo", "status", "--account", "demo")
	b.expect(`"partitions":[{"partition":7`, "status", "--json")
}

func TestWatch(t *testing.T) {
	b := newBench(t)
	b.run("segment", "put", "a", "all contacts")
	ready := func(n int64) api.Size { return api.Size{Ready: true, Members: n, Sendable: 1, Entered: n} }
	go func() {
		b.views.watches <- []api.SegmentSize{{Segment: "a", Size: ready(3), Position: "1"}}
		b.views.watches <- []api.SegmentSize{{Segment: "a", Size: ready(4), Position: "2"}}
		b.views.watches <- []api.SegmentSize{{Segment: "a", Deleted: true, Position: "3"}}
	}()
	code, out, errs := b.run("segment", "size", "a", "--watch")
	if code != 1 || !strings.Contains(errs, "deleted") ||
		out != "3 members, 1 sendable, 3 entered and 0 exited so far\n4 members, 1 sendable, 4 entered and 0 exited so far\n" {
		t.Errorf("exit %d\n%s%s", code, out, errs)
	}
	b.expectError(`no segment "b"`, "segment", "size", "b", "--watch")
}

func TestWatchConnectsAgain(t *testing.T) {
	var ids []string
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ids = append(ids, r.Header.Get("Last-Event-ID"))
		if len(ids) == 1 {
			io.WriteString(w, "id: g.7\nevent: snapshot\ndata: {\"sizes\":[]}\n\n")
			return
		}
		io.WriteString(w, "event: deleted\ndata: {}\n\n")
	}))
	defer h.Close()
	b := &bench{t: t, url: h.URL}
	b.expectError("deleted", "segment", "size", "a", "--watch")
	if !slices.Equal(ids, []string{"", "g.7"}) {
		t.Errorf("last event ids: %q", ids)
	}
}

func TestWatchEndsWithTheUser(t *testing.T) {
	b := newBench(t)
	b.run("segment", "put", "a", "all contacts")
	ctx, stop := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, stop)
	var out, errs bytes.Buffer
	if code := run(ctx, []string{"segment", "size", "a", "--watch", "--server", b.url}, &out, &errs); code != 0 || errs.Len() > 0 {
		t.Errorf("exit %d: %s", code, errs.String())
	}
}

func TestServersThatAreNotOurs(t *testing.T) {
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodDelete {
			http.Error(w, "<html>", http.StatusBadGateway)
			return
		}
		io.WriteString(w, "<html>")
	}))
	b := &bench{t: t, url: h.URL}
	b.expectError("502 Bad Gateway, and not as rollcall does", "erase", "secret-contact")
	b.expectError("not what was expected", "status")
	h.Close()
	b.expectError("connection refused", "status")
	if _, _, errs := b.run("erase", "secret-contact"); strings.Contains(errs, "secret-contact") {
		t.Errorf("a contact in an error: %s", errs)
	}
}

func TestHelp(t *testing.T) {
	for _, args := range [][]string{{"help"}, {"--help"}, {"help", "segment", "put"}, {"segment", "put", "--help"}} {
		var out, errs bytes.Buffer
		if code := run(t.Context(), args, &out, &errs); code != 0 || !strings.Contains(out.String(), "$ROLLCALL_SERVER") {
			t.Errorf("%q: exit %d\n%s%s", args, code, out.String(), errs.String())
		}
	}
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"segmnt"}, &out, &errs); code != 2 || !strings.Contains(errs.String(), "segment") {
		t.Errorf("a misspelt command: exit %d: %s", code, errs.String())
	}
	out.Reset()
	if run(t.Context(), []string{"version"}, &out, &errs); !strings.HasPrefix(out.String(), "rollcall ") {
		t.Errorf("version: %s", out.String())
	}
}
