package api

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"rollcall/pipeline"
	"rollcall/pipeline/catalog"
	"rollcall/pipeline/segment"
)

const operatorToken = "the operator's"

// fakeViews answers what a test puts in.
type fakeViews struct {
	mu        sync.Mutex
	stale     bool
	composed  bool // whether each segment is composed as soon as it is stored
	catalog   *catalog.Catalog
	contacts  []string
	staleAt   int          // Stream stops being fresh after so many; 0: never
	streamErr error        // what Stream fails with before its first contact
	looked    atomic.Int64 // contacts by Stream
	lists     []string     // that records have mentioned
	menuErr   error        // what Messages fails with
	reported  SMSQuery     // what a report was asked for
	reportErr error        // what it fails with
	asked     StreamQuery
	askedOf   segment.Origin
	watches   chan []SegmentSize
	follows   chan FollowUpdate // nil: Follow ends at once
}

func (f *fakeViews) Freshness(string) Freshness {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stale {
		return Freshness{Position: "g.1", Missing: []string{"sms.sent/3"}}
	}
	return Freshness{Fresh: true, Position: "g.1"}
}

func (f *fakeViews) Size(account, id string) Size {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.composed {
		return Size{Version: 1 << 40, Composed: 3, Partitions: 8}
	}
	a := f.catalog.Account(account)
	if a == nil || a.Segment(id) == nil {
		return Size{Partitions: 8}
	}
	n := int64(len(f.contacts))
	return Size{Version: a.Segment(id).Version, Ready: true, Composed: 8, Partitions: 8, Members: n, Sendable: n - 1, Entered: n, Exited: 0}
}

func (f *fakeViews) Warnings(_ string, def segment.Definition) []Warning {
	if did, ok := def.Where.(segment.Did); ok && len(did.Messages.Names) > 0 && did.Messages.Names[0] != "m-1" {
		return []Warning{{Kind: "message", Name: did.Messages.Names[0], Nearest: "m-1", Message: "never sent"}}
	}
	if def.From.Kind != segment.List || slices.Contains(f.lists, def.From.Name) {
		return nil
	}
	return []Warning{{Kind: "list", Name: def.From.Name, Nearest: "x", Message: "never seen"}}
}

func (f *fakeViews) Check(_ context.Context, account, _ string, contacts []string) ([]Membership, Freshness, error) {
	var out []Membership
	for _, c := range contacts {
		m := Membership{Contact: c, Member: slices.Contains(f.contacts, c)}
		m.Sendable = m.Member
		if !m.Member {
			m.Blocked = []string{"not_member"}
		}
		out = append(out, m)
	}
	return out, f.Freshness(account), nil
}

func (f *fakeViews) Explain(_ context.Context, account, id, contact string) (Explanation, Freshness, error) {
	member := slices.Contains(f.contacts, contact)
	return Explanation{
		Contact: contact, Segment: id, Known: member, Member: member, Blocked: []string{}, Lapses: "2026-12-21",
		Origin: Finding{Condition: "all contacts", Holds: true, Parts: []Finding{{Condition: "opted in", Begins: "2026-12-22", Detail: "x"}}},
	}, f.Freshness(account), nil
}

// Stream yields two contacts at a time.
func (f *fakeViews) Stream(_ context.Context, account string, of segment.Origin, q StreamQuery, yield func([]string, string) error) (int64, Freshness, error) {
	f.asked, f.askedOf = q, of
	if f.streamErr != nil {
		return 0, Freshness{}, f.streamErr
	}
	i := 0
	for batch := range slices.Chunk(f.contacts, 2) {
		f.looked.Add(int64(len(batch)))
		if err := yield(batch, "after-"+batch[len(batch)-1]); err != nil {
			return int64(i), Freshness{}, err
		}
		if i += len(batch); i == f.staleAt {
			f.mu.Lock()
			f.stale = true
			f.mu.Unlock()
		}
	}
	return int64(i), f.Freshness(account), nil
}

func (f *fakeViews) Preview(_ context.Context, account string, _ segment.Definition, overlap string) (Preview, Freshness, error) {
	p := Preview{Size: 7, Funnel: []Step{{Condition: "opted in", Size: 7}}, Reach: Reach{Members: 7, ValidPhone: 6, OptedIn: 5, Sendable: 4}, Sample: []string{"c1"}}
	if overlap != "" {
		p.Overlap = &pipeline.Overlap{Segment: overlap, Both: 3, OnlyThis: 4, OnlyOther: 2}
	}
	return p, f.Freshness(account), nil
}

func (f *fakeViews) Lists(string) []ListSize {
	return []ListSize{
		{Kind: "webinar", ID: "intro", Name: "Введение", Size: 1},
		{Kind: "form", ID: "kontakt", Name: "Kontakt", Size: 2},
		{Kind: "marketing", ID: "spring", Name: "Spring sale", Size: 6},
	}
}

func (f *fakeViews) Messages(context.Context, string) ([]SentMessage, error) {
	return []SentMessage{
		{ID: "m-2", Name: "Sommer", FirstSent: "2026-11-20", Sent: 5}, {ID: "m-1", Name: "m-1", FirstSent: "2026-11-01", Sent: 7}, {ID: "m-3", Name: "m-3"},
	}, f.menuErr
}

func (f *fakeViews) SMSReport(_ context.Context, account string, q SMSQuery) (SMSReport, Freshness, error) {
	f.reported = q
	counts := pipeline.SMSCounts{Sent: 7, Delivered: 6, Clicked: 5, Replied: 4, Failed: 1, OptedOut: 2, Clicks: 9}
	return SMSReport{
		From: q.From.String(), To: q.To.String(), Message: q.Message, Segment: q.Segment, Totals: counts,
		Messages: []pipeline.SMSOfMessage{{Message: "m-1", Name: "One", SMSCounts: counts}},
		Days:     []pipeline.SMSOfDay{{Day: q.To.String(), SMSCounts: counts}},
		Reasons:  []pipeline.SMSReason{{Reason: "", Contacts: 1}},
	}, f.Freshness(account), f.reportErr
}

func (f *fakeViews) Watch(string, []string) Watch { return fakeWatch{f.watches} }

func (f *fakeViews) Follow(ctx context.Context, _ string, _ []string, tell func(FollowUpdate) error) error {
	for f.follows != nil {
		select {
		case u := <-f.follows:
			if err := tell(u); err != nil {
				return err
			}
		case <-ctx.Done():
			return nil
		}
	}
	return nil
}

type fakeWatch struct{ sizes <-chan []SegmentSize }

func (w fakeWatch) Next(ctx context.Context) ([]SegmentSize, error) {
	select {
	case s := <-w.sizes:
		return s, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (fakeWatch) Close() {}

func (f *fakeViews) Rebuild(_ context.Context, id string) (*pipeline.RebuildStatus, error) {
	all := f.catalog.Rebuilds()
	i := slices.IndexFunc(all, func(r catalog.Rebuild) bool { return r.ID == id })
	if i < 0 {
		return nil, nil
	}
	return &pipeline.RebuildStatus{Rebuild: all[i], State: "running", Partitions: []pipeline.RebuildReport{{Differences: 2}}}, nil
}

func (f *fakeViews) Status(account string) Status {
	return Status{Freshness: f.Freshness(account), Partitions: []PartitionStatus{}, Outcomes: map[string]int64{"of " + account: 1}}
}

// The definitions say all of a replay but what is under way.
func (f *fakeViews) CheckReplay(t ReplayTopic) error {
	return pipeline.NewView(pipeline.ViewConfig{Catalog: f.catalog}).CheckReplay(t)
}

func (f *fakeViews) Replays() []Replay {
	return pipeline.NewView(pipeline.ViewConfig{Catalog: f.catalog}).Replays()
}

func (f *fakeViews) Replay(id string) (Replay, bool) {
	return pipeline.NewView(pipeline.ViewConfig{Catalog: f.catalog}).Replay(id)
}

type fakeEraser struct{ erased []string }

func (e *fakeEraser) Erase(_ context.Context, account, contact string) error {
	e.erased = append(e.erased, account+"/"+contact)
	return nil
}

// bench is a server with the accounts acme and globex; acme has the segments
// base and, standing on it, sub.
type bench struct {
	t       *testing.T
	server  *Server
	http    *httptest.Server
	views   *fakeViews
	eraser  *fakeEraser
	letters fakeLetters
	records fakeRecords
	sizes   fakeSizes
	frozen  *fakeSnapshots
	changes fakeChanges
	catalog *catalog.Catalog
	log     *catalog.Log
	logged  *bytes.Buffer
	served  chan error // what Serve returned
	// secrets of acme, and one of globex
	read, write, foreign string
}

func newBench(t *testing.T, configure ...func(*Config)) *bench {
	t.Helper()
	c := catalog.New()
	b := &bench{t: t, catalog: c, log: catalog.NewLog(c, &catalog.Memory{}), eraser: &fakeEraser{}, logged: &bytes.Buffer{}}
	b.views = &fakeViews{composed: true, catalog: c, contacts: []string{"c1", "c2", "<3>"}, watches: make(chan []SegmentSize)}
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { b.log.Run(ctx) })
	t.Cleanup(func() { stop(); running.Wait() })

	b.frozen = &fakeSnapshots{bench: b}
	config := Config{
		Catalog: c, Definitions: b.log, Views: b.views, Eraser: b.eraser, Verifier: &fakeVerifier{}, Letters: &b.letters, Records: &b.records, Sizes: &b.sizes, Changes: &b.changes, Snapshots: b.frozen,
		Registry:      prometheus.NewRegistry(),
		OperatorToken: operatorToken, ComposeWait: 50 * time.Millisecond, KeepAlive: 20 * time.Millisecond,
		Log: slog.New(slog.NewTextHandler(b.logged, nil)),
	}
	for _, f := range configure {
		f(&config)
	}
	var err error
	if b.server, err = New(config); err != nil {
		t.Fatal(err)
	}
	b.http = httptest.NewServer(b.server)
	t.Cleanup(b.http.Close)
	b.populate()
	return b
}

func (b *bench) populate() {
	for _, id := range []string{"acme", "globex", "demo"} {
		b.put(catalog.PutAccount{Account: id, Timezone: "UTC", RetentionDays: 730})
	}
	everybody := segment.Definition{}
	b.put(catalog.PutSegment{Account: "acme", ID: "base", Name: "Base", Definition: everybody})
	b.put(catalog.PutSegment{Account: "acme", ID: "sub", Name: "Sub", Definition: segment.Definition{From: segment.Origin{Kind: segment.Segment, Name: "base"}}})
	b.read, b.write, b.foreign = b.token("acme", catalog.Read), b.token("acme", catalog.Write), b.token("globex", catalog.Write)
}

func (b *bench) put(e catalog.Entry) int64 {
	b.t.Helper()
	offset, err := b.log.Put(b.t.Context(), e)
	if err != nil {
		b.t.Fatal(err)
	}
	return offset
}

func (b *bench) token(account string, scope catalog.Scope) string {
	entry, secret := catalog.NewToken(account, scope)
	b.put(entry)
	return secret
}

// serve serves on an address of its own until ctx ends.
func (b *bench) serve(ctx context.Context) (address string) {
	b.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.t.Fatal(err)
	}
	b.served = make(chan error, 1)
	go func() { b.served <- b.server.Serve(ctx, l) }()
	return l.Addr().String()
}

type answer struct {
	status int
	header http.Header
	body   string
}

func (a answer) json(t *testing.T) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal([]byte(a.body), &v); err != nil {
		t.Fatalf("not JSON: %s", a.body)
	}
	return v
}

func (a answer) array(t *testing.T) []map[string]any {
	t.Helper()
	var v []map[string]any
	if err := json.Unmarshal([]byte(a.body), &v); err != nil {
		t.Fatalf("not an array: %s", a.body)
	}
	return v
}

// problem is the kind of problem in the answer, or nothing.
func (a answer) problem() string {
	var p Problem
	json.Unmarshal([]byte(a.body), &p)
	if a.header.Get("Content-Type") != "application/problem+json" || p.Status != a.status {
		return ""
	}
	return strings.TrimPrefix(p.Type, problemsPath)
}

// ask sends a request; headers are pairs of name and value.
func (b *bench) ask(method, path, token, body string, headers ...string) answer {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), method, b.http.URL+path, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
		if headers[i] == "Host" {
			r.Host = headers[i+1]
		}
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer response.Body.Close()
	data, _ := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.Header, string(data)}
}
