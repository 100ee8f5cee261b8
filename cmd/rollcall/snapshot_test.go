package main

import (
	"context"
	"strconv"
	"strings"
	"testing"

	"rollcall/api"
	"rollcall/pipeline"
	"rollcall/pipeline/catalog"
)

// fakeSnapshots freezes the three contacts, of whom one has opted out since.
type fakeSnapshots struct {
	catalog *catalog.Catalog
	log     *catalog.Log
}

func (f *fakeSnapshots) Freeze(ctx context.Context, account, segment, name string, _ func(api.Freshness) error) (*catalog.Snapshot, api.Freshness, error) {
	start := catalog.StartSnapshot{Account: account, Segment: segment, Name: name, Defined: f.catalog.Account(account).Version, Frozen: 3}
	id, err := f.log.Put(ctx, start)
	if err == nil {
		_, err = f.log.Put(ctx, catalog.EndSnapshot{Account: account, Snapshot: id, Parts: []catalog.SnapshotPart{{Frozen: 3}}})
	}
	return f.catalog.Snapshot(account, id), api.Freshness{Fresh: true}, err
}

func (f *fakeSnapshots) Stream(_ context.Context, _ *catalog.Snapshot, q api.FrozenQuery, yield func([]string, string) error) (api.FrozenEnd, api.Freshness, error) {
	end := api.FrozenEnd{Count: 3, Frozen: 3}
	given := contacts
	if !q.Raw {
		end.Count, end.Withheld, given = 2, pipeline.Withheld{OptedOut: 1}, contacts[:2]
	}
	for _, c := range given {
		if err := yield([]string{c}, c); err != nil {
			return end, api.Freshness{}, err
		}
	}
	return end, api.Freshness{Fresh: q.Cursor != "stale"}, nil
}

func TestSnapshotCommands(t *testing.T) {
	b := newBench(t)
	b.run("segment", "put", "a", "all contacts where opted in")
	out := b.expect("ready  of a at ", "snapshot", "create", "a", "--name", "Spring sale")
	id := strings.Fields(out)[0]
	if n, err := strconv.Atoi(id); err != nil || n < 1 {
		t.Fatalf("no id in %s", out)
	}
	for _, want := range []string{"all contacts where opted in", "Spring sale", "3 recipients"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	b.expect(`"state":"ready"`, "snapshot", "create", "a", "--json", "--allow-stale")
	b.expect("Spring sale", "snapshot", "list", "--segment", "a")
	if out := b.expect("SNAPSHOT", "snapshot", "list", "--segment", "other"); strings.Contains(out, id) {
		t.Errorf("lists of another segment:\n%s", out)
	}
	b.expect("3 recipients", "snapshot", "show", id)
	code, list, errs := b.run("snapshot", "recipients", id, "--slice", "1/1")
	if code != 0 || list != "c1\nc 2\n" || errs != "2 of 3 frozen; withheld: 0 erased, 1 opted out, 0 not opted in, 0 without a valid phone\n" {
		t.Errorf("exit %d\n%s%s", code, list, errs)
	}
	b.expect("c1\nc 2\n\"c\\n3\"\n", "snapshot", "recipients", id, "--frozen")
	b.expect(`"opted_out":1`, "snapshot", "recipients", id, "--json")
	b.expectError("cut off after 2 contacts", "snapshot", "recipients", id, "--cursor", "stale")
	b.expect("", "snapshot", "delete", id)
	b.expectError(`no snapshot "`+id+`"`, "snapshot", "show", id)
	b.expectError(`no segment "none"`, "snapshot", "create", "none")
}
