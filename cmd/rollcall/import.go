package main

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strconv"

	"rollcall/api"
)

type importCmd struct {
	Contacts importContactsCmd `cmd:"" help:"Contacts: columns contact, phone, region."`
	Consent  importConsentCmd  `cmd:"" help:"Consent: columns contact, consent (opted_in or opted_out), at, source, message."`
	List     importListCmd     `cmd:"" help:"Who is on a list: columns contact, member, at, list, kind, name."`
}

type importFlags struct {
	File   string `arg:"" help:"A CSV file whose first row names the columns; - is the standard input. Days and times without a zone are the account's."`
	DryRun bool   `help:"Check the file, and write nothing."`
}

type (
	importContactsCmd struct{ importFlags }
	importConsentCmd  struct{ importFlags }
	importListCmd     struct {
		importFlags
		List string `help:"The list's id, where the rows have none."`
		Kind string `help:"What kind of list: marketing (the default), form or webinar."`
		Name string `help:"What people call it."`
	}
)

func (c *importContactsCmd) Run(s *session) error { return c.send(s, "contacts", url.Values{}) }
func (c *importConsentCmd) Run(s *session) error  { return c.send(s, "consent", url.Values{}) }

func (c *importListCmd) Run(s *session) error {
	query := url.Values{}
	for name, value := range map[string]string{"list": c.List, "kind": c.Kind, "name": c.Name} {
		if value != "" {
			query.Set(name, value)
		}
	}
	return c.send(s, "list", query)
}

// send sends the file, and fails if not every row of it was right.
func (c *importFlags) send(s *session, what string, query url.Values) error {
	file, err := c.open()
	if err != nil {
		return err
	}
	defer file.Close()
	if c.DryRun {
		query.Set("dry_run", "true")
	}
	response, err := s.with("Content-Type", "text/csv").send("POST", "/v1/imports/"+what+"?"+query.Encode(), file)
	if p, ok := errors.AsType[*api.Problem](err); ok && p.Import != nil && p.Import.Through > 0 {
		s.printImport(p.Import)
		return fmt.Errorf("%w; all right rows up to row %d are written", err, p.Import.Through)
	}
	if err != nil {
		return err
	}
	defer response.Body.Close()
	var report api.ImportReport
	if err := s.answer(response, &report); err != nil {
		return err
	}
	if wrong := s.printImport(&report); wrong > 0 {
		return fmt.Errorf("%d rows are wrong", wrong)
	}
	return nil
}

func (c *importFlags) open() (io.ReadCloser, error) {
	if c.File == "-" {
		return io.NopCloser(os.Stdin), nil
	}
	return os.Open(c.File)
}

// printImport prints a report, and counts the wrong rows.
func (s *session) printImport(r *api.ImportReport) (wrong int64) {
	wrong = int64(len(r.Errors)) + r.MoreErrors
	if s.JSON {
		return wrong
	}
	written := "written"
	if r.DryRun {
		written = "to be written"
	}
	s.printf("%d rows, %d %s, %d wrong\n", r.Rows, r.Written, written, wrong)
	for _, column := range r.Ignored {
		s.printf("the column %s means nothing here\n", plain(column))
	}
	if wrong == 0 {
		return 0
	}
	t := newTable(s, "ROW", "COLUMN", "ERROR")
	for _, e := range r.Errors {
		t.row(strconv.Itoa(e.Row), e.Column, e.Reason)
	}
	t.Flush()
	if r.MoreErrors > 0 {
		s.printf("and %d more\n", r.MoreErrors)
	}
	return wrong
}
