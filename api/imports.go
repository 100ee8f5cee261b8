package api

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"rollcall/pipeline/imports"
)

const (
	// maxImport bounds a file. It is read as a stream.
	maxImport = 256 << 20
	// importWait is how long a file's sender may pause.
	importWait = 30 * time.Second
)

// importLimit bounds the imports that are under way.
var importLimit = Limit{All: 8, PerAccount: 2}

// ImportReport says what became of a file's rows.
type ImportReport = imports.Report

type importInput struct {
	What        string `path:"what" enum:"contacts,consent,list"`
	List        string `query:"list" doc:"the list's id, where rows have none"`
	Kind        string `query:"kind" enum:"marketing,form,webinar" doc:"likewise; default marketing"`
	Name        string `query:"name" doc:"likewise, what people call it"`
	DryRun      bool   `query:"dry_run" doc:"check, and write nothing"`
	ContentType string `header:"Content-Type"`
	upload
}

type importOutput struct{ Body ImportReport }

func (s *Server) importFile(ctx context.Context, c caller, in *importInput) (*importOutput, error) {
	if kind, _, _ := mime.ParseMediaType(in.ContentType); kind != "text/csv" && kind != "text/tab-separated-values" {
		return nil, problem("unsupported-media-type", "a file is sent with Content-Type: text/csv")
	}
	options := imports.Options{
		What: in.What, Account: s.Catalog.Account(c.account), List: in.List, Kind: in.Kind, Name: in.Name, DryRun: in.DryRun,
	}
	if options.Account == nil {
		return nil, problem("not-found", "there is no account %q", c.account)
	}
	in.allowed = func() bool { return s.stillAllowed(c) }
	report, err := imports.Import(ctx, options, in, s.Records)
	in.answerNow()
	if err != nil {
		p := in.problemOf(ctx, s, err)
		p.Import = &report
		return nil, p
	}
	return &importOutput{report}, nil
}

// problemOf says why an import ended early.
func (u *upload) problemOf(ctx context.Context, s *Server, err error) *Problem {
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return problem("too-large", "a file has at most %d bytes; send several", tooLarge.Limit)
	}
	if file, ok := errors.AsType[*imports.FileError](err); ok {
		return problem("invalid", "%s", file.Reason)
	}
	if errors.Is(err, errRevoked) {
		return problem("unauthorized", "the token was revoked meanwhile")
	}
	if u.failed != nil {
		return problem("bad-request", "the file did not arrive whole")
	}
	s.Log.WarnContext(ctx, "an import ended early", "error", err)
	return problem("unavailable", "Kafka can't be reached, and what follows row through of the report may be written or not; to import the file once more changes nothing twice")
}

// upload is a body that is read as a stream. A sender may take its time for the
// whole, but not pause for long.
type upload struct {
	body    io.ReadCloser
	control *http.ResponseController
	allowed func() bool
	failed  error // what reading failed with
}

// Resolve implements huma.Resolver.
func (u *upload) Resolve(ctx huma.Context) []error {
	r, w := humago.Unwrap(ctx)
	u.body, u.control = http.MaxBytesReader(w, r.Body, maxImport), http.NewResponseController(w)
	return nil
}

var errRevoked = errors.New("the token was revoked")

// Read implements io.Reader.
func (u *upload) Read(b []byte) (int, error) {
	if !u.allowed() {
		return 0, errRevoked
	}
	_ = u.control.SetReadDeadline(time.Now().Add(importWait)) // recorders in tests have none
	n, err := u.body.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		u.failed = err
	}
	return n, err
}

// answerNow begins the time for the answer, and ends that for the body.
func (u *upload) answerNow() {
	_ = u.control.SetReadDeadline(time.Time{})
	_ = u.control.SetWriteDeadline(time.Now().Add(writeWait))
}

// csvFile describes a body that is a file.
func csvFile(op huma.Operation) huma.Operation {
	op.MaxBodyBytes = maxImport
	op.Errors = []int{http.StatusUnsupportedMediaType}
	op.Metadata = map[string]any{importing: true}
	op.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
		"text/csv": {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}},
	}}
	op.Description = "The file's first row names the columns; " +
		"contacts: contact, phone, region; consent: contact, consent (opted_in or opted_out), at, source, message; list: contact, member, at, list, kind, name. " +
		"Rows that are wrong are listed and left out, all others are written."
	return op
}
