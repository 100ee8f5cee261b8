package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"rollcall/consumers"
	"rollcall/pipeline/catalog"
)

// fakeRecords keeps what imports write.
type fakeRecords struct {
	written []string
	before  func() // called before each write
	err     error
}

func (f *fakeRecords) Write(_ context.Context, messages []consumers.Message) ([]int64, error) {
	if f.before != nil {
		f.before()
	}
	if f.err != nil {
		return nil, f.err
	}
	for _, m := range messages {
		f.written = append(f.written, fmt.Sprintf("%s %d %s %s", m.Topic, m.Partition, m.Key, m.Value))
	}
	return make([]int64, len(messages)), nil
}

const csvType = "text/csv; charset=utf-8"

func (b *bench) importFile(path, file string) answer {
	b.t.Helper()
	return b.ask("POST", "/v1/imports/"+path, b.write, file, "Content-Type", csvType)
}

func TestImport(t *testing.T) {
	b := newBench(t)
	got := b.importFile("list?list=spring&name=Spring", "contact,member,city\nc-1,,Rome\n,no,Rome\n")
	if got.status != 200 || strings.TrimSpace(got.body) != `{"rows":2,"written":1,"errors":[{"row":3,"column":"contact","error":"a contact's id has 1 to 200 bytes"}],"through":3,"ignored_columns":["city"]}` {
		t.Errorf("%d %s", got.status, got.body)
	}
	want := `[lists -1 acme/c-1 {"account":"acme","contact":"c-1","list":"spring","kind":"marketing","name":"Spring","member":true}]`
	if fmt.Sprint(b.records.written) != want {
		t.Errorf("%q", b.records.written)
	}
	if got := b.importFile("contacts?dry_run=true", "contact,phone\nc-1,1\n"); got.status != 200 || got.json(t)["dry_run"] != true || len(b.records.written) > 1 {
		t.Errorf("dry run: %d %s", got.status, got.body)
	}
}

func TestImportRefuses(t *testing.T) {
	b := newBench(t)
	for path, problem := range map[string]string{
		"people": "invalid", "list": "invalid", "list?list=x&kind=sms": "invalid", "contacts?lst=x": "invalid",
	} {
		if got := b.importFile(path, "contact\nc-1\n"); got.problem() != problem {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
	for _, kind := range []string{"", "application/json", "multipart/form-data"} {
		if got := b.ask("POST", "/v1/imports/contacts", b.write, "contact,phone\n", "Content-Type", kind); got.problem() != "unsupported-media-type" {
			t.Errorf("%q: %d %s", kind, got.status, got.body)
		}
	}
	if len(b.records.written) > 0 {
		t.Errorf("%q", b.records.written)
	}
}

func TestImportWithoutKafka(t *testing.T) {
	b := newBench(t)
	b.records.err = errors.New("a broker of that name")
	got := b.importFile("contacts", "contact,phone\nc-1,1\n")
	if got.status != 503 || got.problem() != "unavailable" || !strings.Contains(got.body, `"import":{"rows":1,"written":0,"errors":[],"through":0}`) {
		t.Errorf("%d %s", got.status, got.body)
	}
	if strings.Contains(got.body, "a broker") {
		t.Error("what is inside is told")
	}
}

// contactsFile is a file of so many bytes, or a little more.
func contactsFile(bytes int) string {
	return "contact,phone\n" + strings.Repeat("c-1,+1 212 555 0123\n", bytes/20)
}

func TestImportEndsWithItsToken(t *testing.T) {
	b := newBench(t)
	b.records.before = func() {
		b.records.before = nil
		for _, token := range b.catalog.Tokens("acme") {
			b.put(catalog.RevokeToken{Account: "acme", ID: token.ID})
		}
	}
	got := b.importFile("contacts", contactsFile(8<<20))
	var p Problem
	json.Unmarshal([]byte(got.body), &p)
	if got.status != 401 || p.Import == nil || p.Import.Written == 0 || p.Import.Written > 100_000 || p.Import.Through != int(p.Import.Written)+1 {
		t.Errorf("%d %.300s", got.status, got.body)
	}
}

// blanks are empty rows of 1 KiB. A transport may go on reading them after the
// answer came.
type blanks struct{ sent atomic.Int64 }

func (b *blanks) Read(p []byte) (int, error) {
	sent := b.sent.Load()
	for i := range p {
		p[i] = ' '
		if (sent+int64(i))%1024 == 0 {
			p[i] = '\n'
		}
	}
	b.sent.Add(int64(len(p)))
	return len(p), nil
}

func TestImportOverTheLimit(t *testing.T) {
	b := newBench(t)
	for _, announced := range []int64{-1, maxImport + 1} {
		file := &blanks{}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.http.URL+"/v1/imports/contacts", io.MultiReader(strings.NewReader("contact,phone\nc-1,1\n"), file))
		if err != nil {
			t.Fatal(err)
		}
		r.ContentLength = announced
		r.Header.Set("Authorization", "Bearer "+b.write)
		r.Header.Set("Content-Type", "text/csv")
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(response.Body)
		response.Body.Close()
		if response.StatusCode != 413 || announced < 0 && !strings.Contains(string(body), `"written":1`) || announced > 0 && file.sent.Load() > 16<<20 {
			t.Errorf("%d bytes announced, %d sent: %d %s", announced, file.sent.Load(), response.StatusCode, body)
		}
	}
}

func TestImportsAreLimited(t *testing.T) {
	b := newBench(t)
	for range importLimit.PerAccount {
		if _, p := b.server.imports.enter("acme"); p != nil {
			t.Fatal(p)
		}
	}
	if got := b.importFile("contacts", "contact,phone\nc-1,1\n"); got.status != 429 || got.problem() != "too-many" {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := b.ask("GET", "/v1/segments", b.read, ""); got.status != 200 {
		t.Errorf("another request: %d", got.status)
	}
}
