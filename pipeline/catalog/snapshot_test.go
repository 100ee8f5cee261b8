package catalog

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

func frozen(segment string, defined int) string {
	return fmt.Sprintf(`{"type":"snapshot.start","account":"acme","segment":%q,"defined":%d,"frozen":3}`, segment, defined)
}

func ended(snapshot int, more string) string {
	return fmt.Sprintf(`{"type":"snapshot.end","account":"acme","snapshot":%d%s}`, snapshot, more)
}

const (
	whole    = `,"parts":[{"frozen":1},{"frozen":2}]`
	unfrozen = `{"type":"snapshot.delete","account":"acme","snapshot":2}`
)

func TestSnapshotRefusals(t *testing.T) {
	base := []string{account("acme"), seg("a", everybody)}
	var many []string
	for range MaxSnapshots {
		many = append(many, frozen("a", 1))
	}
	tests := []struct {
		name   string
		before []string
		entry  string
		want   Kind
	}{
		{"start", nil, frozen("a", 1), ""},
		{"of another account", nil, `{"type":"snapshot.start","account":"other","segment":"a"}`, NotFound},
		{"of no segment", nil, frozen("b", 1), NotFound},
		{"of a segment that changed", []string{seg("a", everybody)}, frozen("a", 1), VersionMismatch},
		{"of a segment whose account changed", []string{seg("b", everybody)}, frozen("a", 1), VersionMismatch},
		{"beside tokens", []string{`{"type":"token.put","account":"acme","id":"t","scope":"read","sha256":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}`}, frozen("a", 1), ""},
		{"bad name", nil, `{"type":"snapshot.start","account":"acme","segment":"a","defined":1,"name":"` + string(make([]byte, 201)) + `"}`, Invalid},
		{"too many", many, frozen("a", 1), Conflict},
		{"one less", append(slices.Clone(many), unfrozen), frozen("a", 1), ""},
		{"end", []string{frozen("a", 1)}, ended(2, whole), ""},
		{"end of none", []string{frozen("a", 1)}, ended(3, whole), NotFound},
		{"end in part", []string{frozen("a", 1)}, ended(2, `,"parts":[{"frozen":1}]`), Invalid},
		{"end twice", []string{frozen("a", 1), ended(2, whole)}, ended(2, whole), Conflict},
		{"fail", []string{frozen("a", 1)}, ended(2, `,"failure":"x"`), ""},
		{"fail after the end", []string{frozen("a", 1), ended(2, whole)}, ended(2, `,"failure":"x"`), Conflict},
		{"end after it failed", []string{frozen("a", 1), ended(2, `,"failure":"x"`)}, ended(2, whole), Conflict},
		{"end of another account's", []string{frozen("a", 1), account("beta")}, `{"type":"snapshot.end","account":"beta","snapshot":2}`, NotFound},
		{"delete", []string{frozen("a", 1)}, unfrozen, ""},
		{"delete twice", []string{frozen("a", 1), unfrozen}, unfrozen, NotFound},
		{"delete another account's", []string{frozen("a", 1), account("beta")}, `{"type":"snapshot.delete","account":"beta","snapshot":2}`, NotFound},
		{"delete the segment", []string{frozen("a", 1)}, `{"type":"segment.delete","account":"acme","id":"a"}`, ""},
	}
	for _, tt := range tests {
		c := New()
		if err := put(c, append(slices.Clone(base), tt.before...)...); err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		if err := put(c, tt.entry); kindOf(err) != tt.want || err == nil != (tt.want == "") {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}

// One that is not ended in time has failed, for all alike; what is written of it
// goes only when no clock can be the reason.
func TestSnapshotStates(t *testing.T) {
	began := time.UnixMilli(1_000_000)
	after := func(d time.Duration) int64 { return began.Add(d).UnixMilli() }
	const late = SnapshotTime + time.Minute
	type look struct {
		at            time.Duration
		state         SnapshotState
		keep, settled bool
	}
	tests := []struct {
		name  string
		end   string
		after time.Duration
		looks []look
	}{
		{"no end", "", 0, []look{{0, SnapshotWriting, true, false}, {late, SnapshotFailed, true, false}, {25 * time.Hour, SnapshotFailed, false, true}}},
		{"ended", ended(2, whole), time.Second, []look{{0, SnapshotReady, true, true}, {25 * time.Hour, SnapshotReady, true, true}}},
		{"failed", ended(2, `,"failure":"x"`), time.Second, []look{{0, SnapshotFailed, false, true}}},
		{"late", ended(2, whole), late, []look{{0, SnapshotFailed, false, true}}},
		{"deleted", unfrozen, 0, []look{{0, "", false, true}}},
		{"account deleted", `{"type":"account.delete","account":"acme"}`, 0, []look{{0, "", false, true}}},
	}
	for _, tt := range tests {
		c := New()
		for i, entry := range []string{account("acme"), seg("a", everybody), frozen("a", 1)} {
			if keep, settled := c.KeepsSnapshot("acme", 2, began); !keep || settled {
				t.Errorf("%s: before it is known: %t, %t", tt.name, keep, settled)
			}
			if err := c.Fold(int64(i), after(0), []byte(entry)); err != nil {
				t.Fatal(err)
			}
		}
		voided := c.Voided()
		if tt.end != "" {
			if err := c.Fold(3, after(tt.after), []byte(tt.end)); err != nil {
				t.Fatal(err)
			}
		}
		for _, l := range tt.looks {
			var state SnapshotState
			if s := c.Snapshot("acme", 2); s != nil {
				state = s.State(began.Add(l.at))
			}
			keep, settled := c.KeepsSnapshot("acme", 2, began.Add(l.at))
			if state != l.state || keep != l.keep || settled != l.settled {
				t.Errorf("%s, %v after it began: %q, kept %t, settled %t", tt.name, l.at, state, keep, settled)
			}
			if l.settled && !l.keep && tt.end != "" && c.Voided() != 3 || l.keep && c.Voided() != voided {
				t.Errorf("%s: voided at %d", tt.name, c.Voided())
			}
		}
		if c.Snapshot("other", 2) != nil || len(c.Snapshots("other")) > 0 {
			t.Errorf("%s: another account has it", tt.name)
		}
	}
}

// A snapshot shows the definition that it was taken with.
func TestSnapshotKeepsItsDefinition(t *testing.T) {
	c := New()
	err := put(c, account("acme"), seg("a", everybody), frozen("a", 1), frozen("a", 1), seg("a", `{"from":{"list":"x"}}`))
	if err != nil {
		t.Fatal(err)
	}
	all := c.Snapshots("acme")
	if len(all) != 2 || all[0].ID != 3 || all[1].ID != 2 || all[1].Definition.Text() != "all contacts" || all[1].Version != 1 {
		t.Errorf("%+v", all)
	}
}
