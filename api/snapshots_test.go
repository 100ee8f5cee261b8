package api

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"rollcall/pipeline"
	"rollcall/pipeline/catalog"
)

// fakeSnapshots freezes as many as the bench's views know, and withholds one.
type fakeSnapshots struct {
	*bench
	fails error // while it is written
	asked FrozenQuery
}

func (f *fakeSnapshots) Freeze(ctx context.Context, account, segment, name string, settle func(Freshness) error) (*catalog.Snapshot, Freshness, error) {
	freshness := f.views.Freshness(account)
	if err := settle(freshness); err != nil {
		return nil, freshness, err
	}
	n := int64(len(f.views.contacts))
	start := catalog.StartSnapshot{Account: account, Segment: segment, Name: name, Defined: f.catalog.Account(account).Version, Position: "g.1", Frozen: n}
	id, err := f.log.Put(ctx, start)
	if err != nil {
		return nil, freshness, err
	}
	if f.fails != nil {
		return nil, freshness, f.fails
	}
	_, err = f.log.Put(ctx, catalog.EndSnapshot{Account: account, Snapshot: id, Parts: []catalog.SnapshotPart{{Frozen: n}}})
	return f.catalog.Snapshot(account, id), freshness, err
}

func (f *fakeSnapshots) Stream(_ context.Context, s *catalog.Snapshot, q FrozenQuery, yield func(contacts []string, cursor string) error) (FrozenEnd, Freshness, error) {
	f.asked = q
	end := FrozenEnd{Count: int64(len(f.views.contacts)), Frozen: s.Frozen + 1, Withheld: pipeline.Withheld{OptedOut: 1}}
	for _, c := range f.views.contacts {
		if c == "gone" {
			return end, Freshness{}, pipeline.ErrSnapshotGone
		}
		if err := yield([]string{c}, "after-"+c); err != nil {
			return end, Freshness{}, err
		}
	}
	return end, f.views.Freshness(s.Account), nil
}

func (b *bench) freeze(segment string) *catalog.Snapshot {
	b.t.Helper()
	s, _, err := b.frozen.Freeze(b.t.Context(), "acme", segment, "", func(Freshness) error { return nil })
	if err != nil {
		b.t.Fatal(err)
	}
	return s
}

func TestSnapshots(t *testing.T) {
	b := newBench(t)
	got := b.ask("POST", "/v1/segments/sub/snapshots", b.write, `{"name":"Spring"}`, "Content-Type", "application/json")
	made := got.json(t)
	id := fmt.Sprint(made["id"])
	if got.status != 201 || got.header.Get("Location") != "/v1/snapshots/"+id || made["state"] != "ready" || made["frozen"] != 3.0 ||
		made["name"] != "Spring" || made["segment"] != "sub" || made["definition"] != `segment "base"` || made["position"] != "g.1" || made["freshness"] == nil {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if got := b.ask("GET", "/v1/snapshots/"+id, b.read, ""); got.status != 200 || got.json(t)["created_at"] != made["created_at"] {
		t.Errorf("shown: %d %s", got.status, got.body)
	}
	b.freeze("base")
	for query, want := range map[string]int{"": 2, "?segment=sub": 1, "?segment=none": 0} {
		got := b.ask("GET", "/v1/snapshots"+query, b.read, "").json(t)
		all := got["snapshots"].([]any)
		if len(all) != want || got["freshness"] == nil {
			t.Errorf("%s: %v", query, got)
		}
		if want == 2 && all[1].(map[string]any)["id"] != id {
			t.Errorf("not the newest first: %v", all)
		}
	}
	if got := b.ask("GET", "/v1/snapshots", b.foreign, ""); len(got.json(t)["snapshots"].([]any)) > 0 {
		t.Errorf("foreign snapshots: %s", got.body)
	}
	for _, path := range []string{"", "/recipients", "/recipients?view=frozen"} {
		for _, other := range []string{"0", "999", "x", "-1", id + "0"} {
			if got := b.ask("GET", "/v1/snapshots/"+other+path, b.read, ""); got.problem() != "not-found" {
				t.Errorf("%s%s: %d %s", other, path, got.status, got.body)
			}
		}
	}
	if got := b.ask("DELETE", "/v1/snapshots/"+id, b.foreign, ""); got.status != 404 || b.catalog.Snapshot("acme", made64(made)) == nil {
		t.Errorf("deleted by others: %d", got.status)
	}
	if got := b.ask("DELETE", "/v1/snapshots/"+id, b.write, ""); got.status != 204 || b.catalog.Snapshot("acme", made64(made)) != nil {
		t.Errorf("deleted: %d %s", got.status, got.body)
	}
	if got := b.ask("DELETE", "/v1/snapshots/"+id, b.write, ""); got.status != 404 {
		t.Errorf("deleted twice: %d %s", got.status, got.body)
	}
}

func made64(snapshot map[string]any) (id int64) {
	fmt.Sscan(snapshot["id"].(string), &id)
	return id
}

func TestFreezeRefused(t *testing.T) {
	b := newBench(t)
	post := func(path, body string) answer {
		t.Helper()
		return b.ask("POST", path, b.write, body, "Content-Type", "application/json")
	}
	for path, want := range map[string]string{
		"/v1/segments/none/snapshots": "not-found", "/v1/segments/base/snapshots?stale=yes": "invalid",
		"/v1/segments/base/snapshots?name=x": "invalid",
	} {
		if got := post(path, `{}`); got.problem() != want {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
	for _, body := range []string{`{"name":"` + strings.Repeat("x", 201) + `"}`, `{"name":7}`, `{"nam":"x"}`, `[]`} {
		if got := post("/v1/segments/base/snapshots", body); got.problem() != "invalid" {
			t.Errorf("%s: %d %s", body, got.status, got.body)
		}
	}
	b.frozen.fails = pipeline.ErrTooManyFrozen
	if got := post("/v1/segments/base/snapshots", ``); got.problem() != "invalid" || !strings.Contains(got.body, "10000000") {
		t.Errorf("too many recipients: %d %s", got.status, got.body)
	}
	b.frozen.fails = errors.New("broker b1 is down")
	if got := post("/v1/segments/base/snapshots", `{}`); got.problem() != "internal" || strings.Contains(got.body, "b1") {
		t.Errorf("a failure: %d %s", got.status, got.body)
	}
	b.frozen.fails = nil
	b.views.composed = false
	if got := post("/v1/segments/base/snapshots", `{}`); got.problem() != "not-composed" {
		t.Errorf("not composed: %d %s", got.status, got.body)
	}
	b.views.composed, b.views.stale = true, true
	if got := post("/v1/segments/base/snapshots", `{}`); got.problem() != "not-fresh" || got.header.Get("Retry-After") == "" {
		t.Errorf("not fresh: %d %s", got.status, got.body)
	}
	if got := post("/v1/segments/base/snapshots?stale=allow", `{}`); got.status != 201 {
		t.Errorf("stale allowed: %d %s", got.status, got.body)
	}
	for len(b.catalog.Snapshots("acme")) < catalog.MaxSnapshots {
		b.freeze("base")
	}
	if got := post("/v1/segments/base/snapshots?stale=allow", `{}`); got.status != 409 || !strings.Contains(got.body, "delete one") {
		t.Errorf("too many snapshots: %d %s", got.status, got.body)
	}
}

func TestFrozenRecipients(t *testing.T) {
	b := newBench(t)
	s := b.freeze("base")
	path := fmt.Sprintf("/v1/snapshots/%d/recipients", s.ID)
	want := `{"contact":"c1","cursor":"after-c1"}
{"contact":"c2","cursor":"after-c2"}
{"contact":"<3>","cursor":"after-<3>"}
{"end":{"count":3,"frozen":4,"withheld":{"erased":0,"opted_out":1,"not_opted_in":0,"invalid_phone":0},"cursor":"after-<3>","freshness":{"fresh":true,"as_of":"0001-01-01T00:00:00Z","position":"g.1"}}}
`
	if got := b.ask("GET", path, b.read, ""); got.status != 200 || got.header.Get("Content-Type") != "application/x-ndjson" || got.body != want {
		t.Errorf("%d %s", got.status, got.body)
	}
	b.ask("GET", path+"?slice=2/8&cursor=x&view=frozen", b.read, "")
	if b.frozen.asked != (FrozenQuery{Slice: 2, Slices: 8, Cursor: "x", Raw: true}) {
		t.Errorf("asked for %+v", b.frozen.asked)
	}
	for _, query := range []string{"slice=9/8", "view=all", "limit=3", "stale=deny"} {
		if got := b.ask("GET", path+"?"+query, b.read, ""); got.problem() != "invalid" {
			t.Errorf("%s: %d %s", query, got.status, got.body)
		}
	}
	b.views.contacts = []string{"c1", "gone", "c2"}
	if got := b.ask("GET", path, b.read, ""); got.status != 200 || strings.Contains(got.body, `"end"`) {
		t.Errorf("deleted on the way: %d %s", got.status, got.body)
	}
	b.views.contacts = []string{"gone"}
	if got := b.ask("GET", path, b.read, ""); got.problem() != "not-found" {
		t.Errorf("deleted meanwhile: %d %s", got.status, got.body)
	}
	b.views.contacts, b.views.stale = []string{"c1"}, true
	if got := b.ask("GET", path, b.read, ""); got.problem() != "not-fresh" {
		t.Errorf("not fresh: %d %s", got.status, got.body)
	}
	if got := b.ask("GET", path+"?stale=allow", b.read, ""); got.status != 200 || !strings.Contains(got.body, `"fresh":false`) {
		t.Errorf("stale allowed: %d %s", got.status, got.body)
	}
}

// A list that is not whole is shown as what it is, and not read.
func TestSnapshotsNotReady(t *testing.T) {
	b := newBench(t)
	start := catalog.StartSnapshot{Account: "acme", Segment: "base", Defined: b.catalog.Account("acme").Version, Frozen: 2}
	id := b.put(start)
	path := fmt.Sprintf("/v1/snapshots/%d", id)
	expect := func(state string, frozen any) {
		t.Helper()
		if got := b.ask("GET", path, b.read, "").json(t); got["state"] != state || got["frozen"] != frozen {
			t.Errorf("shown as %v", got)
		}
		if got := b.ask("GET", path+"/recipients", b.read, ""); got.status != 409 || got.problem() != "snapshot-not-ready" || !strings.Contains(got.body, state) {
			t.Errorf("recipients: %d %s", got.status, got.body)
		}
	}
	expect("writing", 2.0)
	b.put(catalog.EndSnapshot{Account: "acme", Snapshot: id, Failure: "it could not be written"})
	expect("failed", nil)
}
