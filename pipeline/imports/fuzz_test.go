package imports

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"
)

// FuzzImport expects of any file that each row is written or named, that what is
// written is what the pipeline takes, and that it does not matter in what pieces
// the file arrives.
func FuzzImport(f *testing.F) {
	for _, file := range []string{
		"contact,phone,region\nc-1,212-555-0123,us\n",
		"\xef\xbb\xbf\"contact\";consent;at\r\n\"c\"\"1\";in;2026-01-01\r\nx;out;\r\n",
		"contact\tlist\tmember\nc-1\tspring\tno\n\nc-2\t\t\n",
		"contact,phone\nc-1,\"a\nb\"c\n,,,\n\xff,1\n",
	} {
		for _, what := range []string{Contacts, Consent, List} {
			f.Add(what, []byte(file))
		}
	}
	f.Fuzz(func(t *testing.T, what string, file []byte) {
		var whole, pieces memory
		r, err := Import(t.Context(), options(t, what, "Europe/Berlin"), bytes.NewReader(file), &whole)
		again, errAgain := Import(t.Context(), options(t, what, "Europe/Berlin"), iotest.OneByteReader(bytes.NewReader(file)), &pieces)
		if !slices.Equal(whole.lines(), pieces.lines()) || r.Rows != again.Rows || !slices.Equal(r.Errors, again.Errors) || (err == nil) != (errAgain == nil) {
			t.Errorf("%+v %v, but byte by byte %+v %v", r, err, again, errAgain)
		}
		if _, ours := errors.AsType[*FileError](err); err != nil && !ours {
			t.Errorf("%v", err)
		}
		if r.Rows != r.Written+int64(len(r.Errors))+r.MoreErrors {
			t.Errorf("%d rows, %d written, %d and %d wrong", r.Rows, r.Written, len(r.Errors), r.MoreErrors)
		}
		for _, m := range whole.messages {
			contact, ok := strings.CutPrefix(string(m.Key), "acme/")
			var value struct{ Account, Contact string }
			if err := json.Unmarshal(m.Value, &value); err != nil || value.Account != "acme" || value.Contact != contact {
				t.Errorf("%s: %s %v", m.Key, m.Value, err)
			}
			if !ok || contact == "" || len(contact) > maxID || !utf8.ValidString(contact) || len(m.Value) > maxRow {
				t.Errorf("a record of %q", contact)
			}
		}
	})
}
