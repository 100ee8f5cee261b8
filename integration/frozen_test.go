package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// frozen is a frozen list as it is read.
type frozen struct {
	contacts []string
	Count    int64
	Frozen   int64
	Withheld struct {
		Erased       int64
		OptedOut     int64 `json:"opted_out"`
		NotOptedIn   int64 `json:"not_opted_in"`
		InvalidPhone int64 `json:"invalid_phone"`
	}
}

func (f frozen) String() string {
	return fmt.Sprintf("%v, %d of %d, withheld %+v", f.contacts, f.Count, f.Frozen, f.Withheld)
}

// freeze freezes a segment's recipients and returns the snapshot's path.
func freeze(t *testing.T, p *process, account, segment string) (path string) {
	t.Helper()
	code, body := ask(t, p, account, "POST", "/v1/segments/"+segment+"/snapshots", map[string]string{"name": "Spring"})
	var made struct{ ID, State string }
	if err := json.Unmarshal(body, &made); code != 201 || err != nil || made.State != "ready" {
		t.Fatalf("freezing is answered %d: %s", code, body)
	}
	return "/v1/snapshots/" + made.ID
}

// thaw reads a frozen list, in three slices.
func thaw(t *testing.T, p *process, account, path, query string) (f frozen) {
	t.Helper()
	for slice := 1; slice <= 3; slice++ {
		code, body := ask(t, p, account, "GET", fmt.Sprintf("%s/recipients?slice=%d/3%s", path, slice, query), nil)
		if code != 200 {
			t.Fatalf("%s is answered %d: %s", path, code, body)
		}
		ended := false
		for l := range bytes.Lines(body) {
			var line struct {
				Contact string
				End     *frozen
			}
			must(t, json.Unmarshal(l, &line))
			if ended = line.End != nil; !ended {
				f.contacts = append(f.contacts, line.Contact)
				continue
			}
			f.Count, f.Frozen = f.Count+line.End.Count, f.Frozen+line.End.Frozen
			f.Withheld.Erased += line.End.Withheld.Erased
			f.Withheld.OptedOut += line.End.Withheld.OptedOut
			f.Withheld.NotOptedIn += line.End.Withheld.NotOptedIn
			f.Withheld.InvalidPhone += line.End.Withheld.InvalidPhone
		}
		if !ended {
			t.Fatalf("%s has no end: %s", path, body)
		}
	}
	slices.Sort(f.contacts)
	return f
}

// testFrozen freezes a list of which then some opt out, some are erased, and some
// lose their phone.
func testFrozen(t *testing.T, c *cluster, p *process) {
	a := tenant{"frozen", "UTC", "US", 730, map[string]string{"in": "all contacts where opted in"}}
	a.create(t, p)
	a.define(t, p, "i")
	const contacts = 60
	var made, optIns bytes.Buffer
	var all []string
	for i := range contacts {
		contact := fmt.Sprintf("c-%02d", i)
		all = append(all, contact)
		made.WriteString(line("frozen/"+contact, contactRecord("frozen", contact)))
		optIns.WriteString(line("frozen/"+contact, consentRecord("frozen", contact, time.Now())))
	}
	c.kcat("contacts", &made, likeJava...)
	c.kcat("sms.opted_in", &optIns, likeJava...)
	c.settled(p)
	path := freeze(t, p, "frozen", "in")
	if f := thaw(t, p, "frozen", path, ""); !slices.Equal(f.contacts, all) || f.Frozen != contacts || f.Count != contacts {
		t.Errorf("at once it is %v", f)
	}

	c.put("sms.opted_out", "frozen/c-07", consentRecord("frozen", "c-07", time.Now()))
	c.put("contacts", "frozen/c-08", `{"account":"frozen","contact":"c-08"}`)
	c.put("contacts", "frozen/new", contactRecord("frozen", "new"))
	c.put("sms.opted_in", "frozen/new", consentRecord("frozen", "new", time.Now()))
	for _, erased := range []string{"c-09", "c-10"} {
		if code, body := ask(t, p, "frozen", "DELETE", "/v1/contacts/"+erased, nil); code != 204 {
			t.Fatalf("erasing is answered %d: %s", code, body)
		}
	}
	c.settled(p)
	c.put("contacts", "frozen/c-10", contactRecord("frozen", "c-10")) // somebody new
	c.put("sms.opted_in", "frozen/c-10", consentRecord("frozen", "c-10", time.Now()))
	c.settled(p)
	left := slices.Concat(all[:7], all[11:])
	f := thaw(t, p, "frozen", path, "")
	if w := f.Withheld; !slices.Equal(f.contacts, left) || f.Frozen != contacts || f.Count != contacts-4 || w.OptedOut != 1 || w.InvalidPhone != 1 || w.Erased != 2 {
		t.Errorf("later it is %v", f)
	}
	if f := thaw(t, p, "frozen", path, "&view=frozen"); !slices.Equal(f.contacts, slices.Concat(all[:9], all[11:])) {
		t.Errorf("of those that were frozen are there %v", f)
	}
	if code, body := ask(t, p, "frozen", "DELETE", path, nil); code != 204 {
		t.Errorf("deleting is answered %d: %s", code, body)
	}
	if code, _ := ask(t, p, "frozen", "GET", path+"/recipients", nil); code != 404 {
		t.Errorf("a deleted list is answered %d", code)
	}

	code, out, errs := rollcall(t, p, operatorToken, "--account", "frozen", "snapshot", "create", "in", "--name", "Spring")
	if code != 0 || !strings.Contains(out, "58 recipients") {
		t.Fatalf("rollcall snapshot create: exit %d: %s%s", code, out, errs)
	}
	code, out, errs = rollcall(t, p, operatorToken, "--account", "frozen", "snapshot", "recipients", strings.Fields(out)[0])
	if code != 0 || len(strings.Fields(out)) != 58 || !strings.Contains(errs, "58 of 58 frozen") {
		t.Errorf("rollcall snapshot recipients: exit %d: %s%s", code, out, errs)
	}
}
