package catalog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"rollcall/pipeline/segment"
)

// put folds entries as they would be written; each is its JSON.
func put(c *Catalog, values ...string) error {
	var err error
	for _, v := range values {
		err = c.Fold(c.Offset(), 1_700_000_000_000, []byte(v))
	}
	return err
}

func account(id string) string {
	return fmt.Sprintf(`{"type":"account.put","entry":"x","account":%q,"timezone":"Europe/Berlin","retention_days":90,"default_region":"DE"}`, id)
}

func seg(id, definition string) string {
	return fmt.Sprintf(`{"type":"segment.put","account":"acme","id":%q,"name":"N","definition":%s}`, id, definition)
}

func on(parent string) string { return fmt.Sprintf(`{"from":{"segment":%q}}`, parent) }

const everybody = `{"from":{"all_contacts":true}}`

func kindOf(err error) Kind {
	if refusal, ok := errors.AsType[*Refusal](err); ok {
		return refusal.Kind
	}
	return ""
}

func TestFoldRefusals(t *testing.T) {
	hash := `"` + strings.Repeat("A", 43) + `="`
	token := func(account, id, scope, hash string) string {
		return fmt.Sprintf(`{"type":"token.put","account":%q,"id":%q,"scope":%q,"sha256":%s}`, account, id, scope, hash)
	}
	before := []string{account("acme"), seg("base", everybody), seg("sub", on("base"))} // offsets 0 to 2
	tests := []struct {
		name  string
		entry string
		want  Kind // empty: accepted
		says  string
	}{
		{"garbage", `{`, Invalid, "not an entry"},
		{"null", `null`, Invalid, "unknown entry type"},
		{"empty", ``, Invalid, "not an entry"},
		{"unknown type", `{"type":"account.rename"}`, Invalid, "account.rename"},
		{"field of another shape", `{"type":"account.delete","account":1}`, Invalid, ""},

		{"account", account("globex"), "", ""},
		{"account twice", account("acme"), Conflict, "already"},
		{"account id", account("Acme"), Invalid, "account id"},
		{"account id too long", account(strings.Repeat("a", 41)), Invalid, "account id"},
		{"account id longest", account(strings.Repeat("a", 40)), "", ""},
		{"account id, newline", account("acme\n"), Invalid, "account id"},
		{"zone", strings.Replace(account("b"), "Europe/Berlin", "Europe/Bonn", 1), Invalid, "Europe/Bonn"},
		{"zone Local", strings.Replace(account("b"), "Europe/Berlin", "Local", 1), Invalid, "time zone"},
		{"zone empty", strings.Replace(account("b"), "Europe/Berlin", "", 1), Invalid, "time zone"},
		{"zone as a path", strings.Replace(account("b"), "Europe/Berlin", "../Europe/Berlin", 1), Invalid, "time zone"},
		{"retention 0", strings.Replace(account("b"), "90", "0", 1), Invalid, "1 to 3650"},
		{"retention 3650", strings.Replace(account("b"), "90", "3650", 1), "", ""},
		{"retention 3651", strings.Replace(account("b"), "90", "3651", 1), Invalid, "3651"},
		{"no region", strings.Replace(account("b"), `"DE"`, `""`, 1), "", ""},
		{"region", strings.Replace(account("b"), `"DE"`, `"XX"`, 1), Invalid, "XX"},
		{"region in lower case", strings.Replace(account("b"), `"DE"`, `"de"`, 1), Invalid, "de"},
		{"delete account", `{"type":"account.delete","account":"acme"}`, "", ""},
		{"delete unknown account", `{"type":"account.delete","account":"b"}`, NotFound, `"b"`},

		{"segment of unknown account", strings.Replace(seg("a", everybody), "acme", "b", 1), NotFound, `"b"`},
		{"segment id", seg("A", everybody), Invalid, "segment id"},
		{"segment id longest", seg(strings.Repeat("a", 64), everybody), "", ""},
		{"segment id too long", seg(strings.Repeat("a", 65), everybody), Invalid, "segment id"},
		{"no name", strings.Replace(seg("a", everybody), `"N"`, `""`, 1), Invalid, "name"},
		{"no definition", `{"type":"segment.put","account":"acme","id":"a","name":"N"}`, Invalid, ""},
		{"bad definition", seg("a", `{"from":{"everybody":true}}`), Invalid, "everybody"},
		{"beyond the kept days", seg("a", `{"from":{"all_contacts":true},"where":{"sent":{"last_days":91}}}`), Invalid, "90 days"},
		{"at the kept days", seg("a", `{"from":{"all_contacts":true},"where":{"sent":{"last_days":90}}}`), "", ""},
		{"unknown segment", seg("a", on("nobody")), Invalid, `"nobody"`},
		{"unknown segment in a condition", seg("a", `{"from":{"all_contacts":true},"where":{"not":{"in_segment":"nobody"}}}`), Invalid, `"nobody"`},
		{"list is not a segment", seg("a", `{"from":{"list":"nobody"}}`), "", ""},
		{"circle of one", seg("a", on("a")), Invalid, "a -> a"},
		{"circle of two", seg("base", on("sub")), Invalid, "base -> sub -> base"},
		{"circle in a condition", seg("base", `{"from":{"all_contacts":true},"where":{"not":{"in_segment":"sub"}}}`), Invalid, "base -> sub -> base"},
		{"replace", seg("base", `{"from":{"list":"x"}}`), "", ""},
		{"delete", `{"type":"segment.delete","account":"acme","id":"sub"}`, "", ""},
		{"delete in use", `{"type":"segment.delete","account":"acme","id":"base"}`, InUse, "sub"},
		{"delete unknown", `{"type":"segment.delete","account":"acme","id":"x"}`, NotFound, `"x"`},

		{"version", strings.Replace(seg("base", everybody), "{", `{"if_version":1,`, 1), "", ""},
		{"older version", strings.Replace(seg("base", everybody), "{", `{"if_version":0,`, 1), VersionMismatch, "version 1, not 0"},
		{"version of a new one", strings.Replace(seg("new", everybody), "{", `{"if_version":0,`, 1), "", ""},
		{"version of none", strings.Replace(seg("new", everybody), "{", `{"if_version":1,`, 1), VersionMismatch, "version 0, not 1"},
		{"delete older version", `{"type":"segment.delete","account":"acme","id":"sub","if_version":1}`, VersionMismatch, "version 2"},

		{"token", token("acme", "t", "read", hash), "", ""},
		{"token of unknown account", token("b", "t", "read", hash), NotFound, `"b"`},
		{"token scope", token("acme", "t", "admin", hash), Invalid, "admin"},
		{"token hash", token("acme", "t", "read", `"AAAA"`), Invalid, "SHA-256"},
		{"revoke unknown", `{"type":"token.revoke","account":"acme","id":"t"}`, NotFound, `"t"`},

		{"settings", `{"type":"settings","erasure_key":` + hash + `}`, "", ""},
		{"short key", `{"type":"settings","erasure_key":"AAAA"}`, Invalid, "32 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := New()
			if err := put(c, before...); err != nil {
				t.Fatal(err)
			}
			err := put(c, tt.entry)
			if kindOf(err) != tt.want {
				t.Fatalf("got %v, want kind %q", err, tt.want)
			}
			if err != nil && !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %q, want it to mention %q", err, tt.says)
			}
			if c.Offset() != 4 {
				t.Errorf("offset %d after 4 entries", c.Offset())
			}
		})
	}
}

func TestRefusalNamesWhatIsInTheWay(t *testing.T) {
	c := New()
	put(c, account("acme"), seg("a", everybody), seg("b", on("a")), seg("c", `{"from":{"segment":"b"},"where":{"in_segment":"a"}}`))

	refusal, _ := errors.AsType[*Refusal](put(c, `{"type":"segment.delete","account":"acme","id":"a"}`))
	if refusal == nil || !slices.Equal(refusal.Names, []string{"b", "c"}) {
		t.Errorf("in use: %+v", refusal)
	}
	refusal, _ = errors.AsType[*Refusal](put(c, seg("a", on("c"))))
	if refusal == nil || !slices.Equal(refusal.Names, []string{"a", "c", "a"}) && !slices.Equal(refusal.Names, []string{"a", "c", "b", "a"}) {
		t.Errorf("circle: %+v", refusal)
	}
	refusal, _ = errors.AsType[*Refusal](c.Account("acme").Check("", segment.Definition{Where: segment.PhoneIn{}}))
	if cause, ok := errors.AsType[*segment.Error](error(refusal)); !ok {
		t.Errorf("an error in a definition has no place: %v", cause)
	}
}

func TestSnapshots(t *testing.T) {
	c := New()
	put(c, account("acme"), seg("b", everybody), seg("z", on("b")), seg("a", on("z")))
	old := c.Account("acme")
	if old.Zone.String() != "Europe/Berlin" || old.RetentionDays != 90 || old.DefaultRegion != "DE" || old.Created != 0 || old.Version != 3 {
		t.Errorf("account: %+v", old)
	}
	if ids := idsOf(old.Segments); !slices.Equal(ids, []string{"b", "z", "a"}) {
		t.Errorf("parents before children: %v", ids)
	}
	if c.Account("acme") != old {
		t.Error("a new snapshot without a change")
	}

	put(c, seg("b", `{"from":{"list":"x"}}`), `{"type":"segment.delete","account":"acme","id":"a"}`)
	now := c.Account("acme")
	if old.Segment("a") == nil || old.Segment("b").Version != 1 || old.Version != 3 {
		t.Error("an old snapshot changed")
	}
	if now.Segment("a") != nil || now.Segment("b").Version != 4 || now.Version != 5 {
		t.Errorf("the new snapshot: %+v", now)
	}
	if got := now.Dependants("b"); !slices.Equal(got, []string{"z"}) {
		t.Errorf("dependants: %v", got)
	}
	if c.Account("globex") != nil {
		t.Error("an account from nowhere")
	}
}

func idsOf(segments []*Segment) (ids []string) {
	for _, s := range segments {
		ids = append(ids, s.ID)
	}
	return ids
}

func TestSince(t *testing.T) {
	c := New()
	put(c, account("acme"), account("b"), account("c"), seg("s", everybody), `{"type":"account.delete","account":"b"}`, `{`)
	for offset, want := range [][2]string{
		0: {"c acme", "b"}, 3: {"acme", "b"}, 4: {"", "b"}, 5: {"", ""}, 6: {"", ""},
	} {
		if offset == 1 || offset == 2 {
			continue
		}
		changed, deleted, upTo := c.Since(int64(offset))
		var ids []string
		for _, a := range changed {
			ids = append(ids, a.ID)
		}
		if got := [2]string{strings.Join(ids, " "), strings.Join(deleted, " ")}; got != want || upTo != 6 {
			t.Errorf("since %d: %q up to %d, want %q", offset, got, upTo, want)
		}
	}
	if ids := c.Accounts(); len(ids) != 2 || ids[0].ID != "acme" || ids[1].ID != "c" {
		t.Errorf("accounts: %v", ids)
	}
}

func TestDeletedAccount(t *testing.T) {
	c := New()
	entry, secret := NewToken("acme", Write)
	value, _ := encode("x", entry)
	put(c, account("acme"), string(value))
	if _, ok := c.Token(secret); !ok {
		t.Fatal("a token that opens nothing")
	}
	put(c, `{"type":"account.delete","account":"acme"}`)
	if _, ok := c.Token(secret); ok {
		t.Error("the token of a deleted account opens something")
	}
	if err := put(c, account("acme")); kindOf(err) != Conflict {
		t.Errorf("an account id used twice: %v", err)
	}
}

func TestTokens(t *testing.T) {
	c := New()
	entry, secret := NewToken("acme", Read)
	value, _ := encode("x", entry)
	if strings.Contains(string(value), secret) {
		t.Fatal("the secret is in the entry")
	}
	put(c, account("acme"), string(value))
	if grant, ok := c.Token(secret); !ok || grant != (Grant{"acme", Read}) {
		t.Errorf("got %v, %v", grant, ok)
	}
	for _, wrong := range []string{"", "x", secret[:len(secret)-1], strings.ToUpper(secret)} {
		if _, ok := c.Token(wrong); ok {
			t.Errorf("%q opens something", wrong)
		}
	}
	if err := put(c, string(value)); kindOf(err) != Conflict {
		t.Errorf("the same token again: %v", err)
	}
	if tokens := c.Tokens("acme"); len(tokens) != 1 || tokens[0].ID != entry.ID || tokens[0].CreatedAt.UnixMilli() != 1_700_000_000_000 {
		t.Errorf("tokens: %v", tokens)
	}
	put(c, fmt.Sprintf(`{"type":"token.revoke","account":"acme","id":%q}`, entry.ID))
	if _, ok := c.Token(secret); ok || len(c.Tokens("acme")) != 0 {
		t.Error("a revoked token opens something")
	}
}

func TestFirstSettingsWin(t *testing.T) {
	c := New()
	first, second := NewSettings(), NewSettings()
	a, _ := encode("a", first)
	b, _ := encode("b", second)
	if err := put(c, string(a), string(b)); kindOf(err) != Conflict {
		t.Errorf("second settings: %v", err)
	}
	if string(c.ErasureKey()) != string(first.ErasureKey) {
		t.Error("not the first key")
	}
}

func TestEntriesSurviveTheirJSON(t *testing.T) {
	version := int64(7)
	def, err := segment.Parse(`all contacts where opted in and clicked at least 3 times in last 30 days`)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range []Entry{
		PutAccount{"acme", "UTC", 730, "US"}, DeleteAccount{"acme"},
		PutSegment{"acme", "a", "N", def, &version}, DeleteSegment{"acme", "a", nil},
		PutToken{"acme", "t", Read, make([]byte, 32)}, RevokeToken{"acme", "t"}, NewSettings(),
		StartSnapshot{"acme", "a", "N", 7, "x.1-y.2", 3}, EndSnapshot{"acme", 8, []SnapshotPart{{5, 2, 3}}, ""},
		EndSnapshot{"acme", 8, nil, "lost"}, DeleteSnapshot{"acme", 8},
	} {
		value, err := encode("me", e)
		if err != nil {
			t.Fatal(err)
		}
		id, back, err := decode(value)
		if err != nil || id != "me" {
			t.Fatalf("%s: id %q, %v", value, id, err)
		}
		again, _ := encode("me", back)
		if string(again) != string(value) || fmt.Sprintf("%T", back) != fmt.Sprintf("%T", e) {
			t.Errorf("%s\ncame back as\n%s", value, again)
		}
	}
}

func TestLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		topic := &Memory{}
		a, b := New(), New()
		logA, logB := NewLog(a, topic), NewLog(b, topic)
		var running sync.WaitGroup
		running.Go(func() { logA.Run(ctx) })
		running.Go(func() { logB.Run(ctx) })

		offset, err := logA.Put(ctx, PutAccount{"acme", "UTC", 730, ""})
		if err != nil || offset != 0 || a.Account("acme") == nil {
			t.Errorf("put: offset %d, %v", offset, err)
		}
		if err := logB.CaughtUp(ctx); err != nil || b.Account("acme") == nil {
			t.Errorf("the other process is not caught up: %v", err)
		}
		if _, err := logB.Put(ctx, PutAccount{"acme", "UTC", 730, ""}); kindOf(err) != Conflict {
			t.Errorf("put twice: %v", err)
		}
		if end, _ := topic.End(ctx); end != 1 {
			t.Errorf("what is refused at once was written: %d entries", end)
		}
		for _, l := range []*Log{logA, logB} {
			if err := l.EnsureSettings(ctx); err != nil {
				t.Error(err)
			}
		}
		if string(a.ErasureKey()) == "" || string(a.ErasureKey()) != string(b.ErasureKey()) {
			t.Error("two erasure keys")
		}
		stop()
		running.Wait()
	})
}

// rival appends somebody else's entry just before its writer's own.
type rival struct {
	Memory
	first []byte
}

func (r *rival) Append(ctx context.Context, key string, value []byte) (int64, error) {
	r.Memory.Append(ctx, key, r.first)
	return r.Memory.Append(ctx, key, value)
}

func TestPutLosesARace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		log := NewLog(New(), &rival{first: []byte(account("acme"))})
		var running sync.WaitGroup
		running.Go(func() { log.Run(ctx) })
		if _, err := log.Put(ctx, PutAccount{"acme", "UTC", 730, ""}); kindOf(err) != Conflict {
			t.Errorf("got %v", err)
		}
		stop()
		running.Wait()
	})
}

func TestPutGivesUpWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		log := NewLog(New(), &Memory{}) // not running
		if _, err := log.Put(ctx, PutAccount{"acme", "UTC", 730, ""}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		if len(log.waiting) != 0 {
			t.Error("somebody still waits")
		}
	})
}

func TestHoleIsFatal(t *testing.T) {
	log := NewLog(New(), &Memory{})
	if err := log.fold(1, 0, []byte(account("acme"))); !errors.Is(err, ErrHole) {
		t.Errorf("got %v", err)
	}
}

func TestConcurrentUse(t *testing.T) {
	c := New()
	put(c, account("acme"))
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for c.Offset() < 200 {
				if a := c.Account("acme"); len(a.Segments) != len(a.byID) {
					t.Error("a torn snapshot")
				}
				c.Since(c.Offset() - 3)
				c.Changed()
			}
		})
	}
	for i := range 199 {
		put(c, seg(fmt.Sprint("s", i), everybody))
	}
	readers.Wait()
}

func BenchmarkFold(b *testing.B) {
	c := New()
	for i := range 100_000 {
		put(c, account(fmt.Sprint("a", i)))
	}
	value := json.RawMessage(seg("s", everybody))
	put(c, account("acme"))
	for b.Loop() {
		put(c, string(value))
		c.Account("acme")
	}
}
