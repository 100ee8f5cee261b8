package api

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"rollcall/pipeline/catalog"
)

// segmentAnswer is a segment as it is shown. Size and Sendable are absent
// until every partition has composed the version shown; Composed is there
// instead.
type segmentAnswer struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Text string `json:"text" doc:"the definition as text"`

	From  json.RawMessage `json:"from" doc:"with where, the definition as JSON"`
	Where json.RawMessage `json:"where,omitempty"`

	KeptDays  int       `json:"kept_days,omitempty" doc:"over how many days it reaches where it says ever, or before a day: those that the account keeps"`
	Version   int64     `json:"version" doc:"for If-Match"`
	UpdatedAt time.Time `json:"updated_at"`
	Size      *int64    `json:"size,omitempty"`
	Sendable  *int64    `json:"sendable,omitempty"`
	Composed  *Composed `json:"composed,omitempty" doc:"how many partitions have composed this version, until all have"`
	Freshness Freshness `json:"freshness"`
	Warnings  []Warning `json:"warnings,omitempty" doc:"in the answer to PUT"`

	Dependants []string `json:"dependants,omitzero" doc:"the segments that stand on it; in the answer to GET"`
}

// sized tells whether the answer has a size.
func (a *segmentAnswer) sized() bool { return a.Size != nil }

func (s *Server) answerSegment(account *catalog.Account, seg *catalog.Segment) (segmentAnswer, error) {
	form, err := jsonFormOf(seg.Definition)
	answer := segmentAnswer{
		ID: seg.ID, Name: seg.Name, Text: seg.Definition.Text(), From: form.From, Where: form.Where,
		KeptDays: keptDays(account, seg.Definition), Version: seg.Version, UpdatedAt: seg.UpdatedAt, Freshness: s.Views.Freshness(account.ID),
	}
	size := s.sizeOf(account.ID, seg)
	if size.Ready {
		answer.Size, answer.Sendable = &size.Members, &size.Sendable
	} else {
		answer.Composed = &Composed{size.Composed, size.Partitions}
	}
	return answer, err
}

// sizeOf counts what an older version had as not composed.
func (s *Server) sizeOf(account string, seg *catalog.Segment) Size {
	size := s.Views.Size(account, seg.ID)
	if size.Version < seg.Version {
		return Size{Partitions: size.Partitions}
	}
	return size
}

// find returns the caller's account and a segment of it.
func (s *Server) find(c caller, id string) (*catalog.Account, *catalog.Segment, error) {
	account := s.Catalog.Account(c.account)
	if account == nil {
		return nil, nil, problem("not-found", "there is no account %q", c.account)
	}
	seg := account.Segment(id)
	if seg == nil {
		return account, nil, problem("not-found", "there is no segment %q", id)
	}
	return account, seg, nil
}

type noInput struct{}

type segmentPath struct {
	ID string `path:"id"`
}

type segmentList struct {
	Body struct {
		Segments  []segmentAnswer `json:"segments"`
		Freshness Freshness       `json:"freshness"`
	}
}

func (s *Server) listSegments(_ context.Context, c caller, _ *noInput) (*segmentList, error) {
	out := &segmentList{}
	out.Body.Segments = []segmentAnswer{}
	out.Body.Freshness = s.Views.Freshness(c.account)
	account := s.Catalog.Account(c.account)
	if account == nil {
		return out, nil // deleted a moment ago
	}
	for _, seg := range account.Segments {
		answer, err := s.answerSegment(account, seg)
		if err != nil {
			return nil, err
		}
		out.Body.Segments = append(out.Body.Segments, answer)
	}
	return out, nil
}

type segmentOutput struct {
	Status int
	ETag   string `header:"ETag"`
	Body   segmentAnswer
}

func (s *Server) getSegment(_ context.Context, c caller, in *segmentPath) (*segmentOutput, error) {
	account, seg, err := s.find(c, in.ID)
	if err != nil {
		return nil, err
	}
	answer, err := s.answerSegment(account, seg)
	answer.Dependants = append([]string{}, account.Dependants(in.ID)...)
	return &segmentOutput{Status: http.StatusOK, ETag: etag(seg.Version), Body: answer}, err
}

type putSegmentInput struct {
	ID          string `path:"id"`
	IfMatch     string `header:"If-Match" doc:"the version that is replaced, as the ETag has it, or *"`
	IfNoneMatch string `header:"If-None-Match" doc:"*: the segment must be new"`
	Body        rawDefinition
}

func (s *Server) putSegment(ctx context.Context, c caller, in *putSegmentInput) (*segmentOutput, error) {
	account := s.Catalog.Account(c.account)
	if account == nil {
		return nil, problem("not-found", "there is no account %q", c.account)
	}
	before := account.Segment(in.ID)
	entry, err := in.entry(account)
	if err != nil {
		return nil, err
	}
	version, err := s.change(ctx, entry)
	if err != nil {
		return nil, err
	}
	stored := &catalog.Segment{ID: entry.ID, Name: entry.Name, Definition: entry.Definition, Version: version, UpdatedAt: time.Now().UTC()}
	if now := s.Catalog.Account(c.account); now != nil && now.Segment(in.ID) != nil && now.Segment(in.ID).Version == version {
		stored = now.Segment(in.ID)
	}
	s.awaitComposed(ctx, c.account, stored)
	answer, err := s.answerSegment(account, stored)
	answer.Warnings = s.Views.Warnings(c.account, entry.Definition)
	return &segmentOutput{Status: putStatus(before == nil, answer.sized()), ETag: etag(version), Body: answer}, err
}

func putStatus(created, sized bool) int {
	switch {
	case !sized:
		return http.StatusAccepted
	case created:
		return http.StatusCreated
	}
	return http.StatusOK
}

// entry is what the request writes to the definitions.
func (in *putSegmentInput) entry(account *catalog.Account) (catalog.PutSegment, error) {
	def, err := in.Body.parse(account)
	if err != nil {
		return catalog.PutSegment{}, err
	}
	if def.id != "" && def.id != in.ID {
		return catalog.PutSegment{}, problem("invalid", "the body is of segment %q, the path of %q", def.id, in.ID)
	}
	before := account.Segment(in.ID)
	ifVersion, err := condition{in.IfMatch, in.IfNoneMatch}.version(before)
	if err != nil {
		return catalog.PutSegment{}, err
	}
	name := def.name
	if name == "" && before != nil {
		name = before.Name
	}
	if name == "" {
		name = in.ID
	}
	return catalog.PutSegment{Account: account.ID, ID: in.ID, Name: name, Definition: def.Definition, IfVersion: ifVersion}, nil
}

type deleteSegmentInput struct {
	ID      string `path:"id"`
	IfMatch string `header:"If-Match" doc:"the version that is deleted, as the ETag has it, or *"`
}

func (s *Server) deleteSegment(ctx context.Context, c caller, in *deleteSegmentInput) (*struct{}, error) {
	_, seg, err := s.find(c, in.ID)
	if err != nil {
		return nil, err
	}
	ifVersion, err := condition{match: in.IfMatch}.version(seg)
	if err != nil {
		return nil, err
	}
	_, err = s.change(ctx, catalog.DeleteSegment{Account: c.account, ID: in.ID, IfVersion: ifVersion})
	return nil, err
}

// change writes to the definitions.
func (s *Server) change(ctx context.Context, e catalog.Entry) (offset int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, changeWait)
	defer cancel()
	return s.Definitions.Put(ctx, e)
}

// awaitComposed waits for a segment to have a size, though not for long.
func (s *Server) awaitComposed(ctx context.Context, account string, seg *catalog.Segment) {
	ctx, cancel := context.WithTimeout(ctx, s.ComposeWait)
	defer cancel()
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for !s.sizeOf(account, seg).Ready {
		select {
		case <-look.C:
		case <-ctx.Done():
			return
		}
	}
}

// condition is what a change expects to find.
type condition struct{ match, noneMatch string } // If-Match and If-None-Match

// version translates the condition to the catalog's: nil is no condition and 0
// a segment that must be new.
func (c condition) version(have *catalog.Segment) (*int64, error) {
	switch {
	case c.noneMatch == "*":
		return new(int64), nil
	case c.noneMatch != "":
		return nil, problem("invalid", "If-None-Match: expected *")
	case c.match == "":
		return nil, nil
	case c.match == "*" && have != nil:
		return &have.Version, nil
	case c.match == "*":
		return nil, problem("version-mismatch", "there is no such segment")
	}
	v, err := strconv.ParseInt(strings.Trim(c.match, `"`), 10, 64)
	if err != nil || v < 1 {
		return nil, problem("version-mismatch", "If-Match: expected a version as GET gives it in ETag")
	}
	return &v, nil
}

func etag(version int64) string { return `"` + strconv.FormatInt(version, 10) + `"` }
