package pipeline

import (
	"context"
	"errors"
	"slices"

	"rollcall/pipeline/naive"
	"rollcall/pipeline/segment"
)

// comparePreview holds the preview of a stored definition, and its overlap with
// the segment after it, against the naive way.
func (p *process) comparePreview(a naive.Account, id string, want *naive.Result) {
	t, def := p.h.t, a.Segments[id]
	t.Helper()
	ids := sortedKeys(a.Segments)
	other := ids[(slices.Index(ids, id)+1)%len(ids)]
	got, _, err := p.view.Preview(context.Background(), a.ID, def, other)
	if errors.Is(err, ErrUnavailable) && p.h.mend != nil { // it found what nobody had looked at
		p.h.mend()
		got, _, err = p.view.Preview(context.Background(), a.ID, def, other)
	}
	p.h.must(err)
	expected := naivePreview(a, id, other, want)
	for i, step := range got.Funnel {
		if i >= len(expected.Funnel) || step != expected.Funnel[i] {
			t.Errorf("%s/%s %s: funnel %+v, want %+v", a.ID, id, def.Text(), got.Funnel, expected.Funnel)
		}
	}
	if got.Size != expected.Size || got.Reach != expected.Reach || *got.Overlap != *expected.Overlap || len(got.Funnel) != len(expected.Funnel) {
		t.Errorf("%s/%s %s: preview %+v %+v, want %+v %+v", a.ID, id, def.Text(), got, got.Overlap, expected, expected.Overlap)
	}
	members := want.Members(a.ID, id)
	for i, contact := range got.Sample {
		if !slices.Contains(members, contact) || slices.Contains(got.Sample[:i], contact) {
			t.Errorf("%s/%s %s: sample %v of %v", a.ID, id, def.Text(), got.Sample, members)
		}
	}
	if len(got.Sample) != min(len(members), sampleSize) {
		t.Errorf("%s/%s %s: sample %v of %v", a.ID, id, def.Text(), got.Sample, members)
	}
}

// naivePreview has no sample.
func naivePreview(a naive.Account, id, other string, want *naive.Result) Preview {
	def := a.Segments[id]
	matching := func(more ...segment.Condition) []string {
		return want.Matching(a.ID, segment.Definition{From: def.From, Where: append(segment.All{}, more...)})
	}
	conditions, ok := def.Where.(segment.All)
	if !ok && def.Where != nil {
		conditions = segment.All{def.Where}
	}
	size := func(more ...segment.Condition) int64 {
		return int64(len(matching(append(slices.Clone(conditions), more...)...)))
	}
	p := Preview{Size: size(), Reach: Reach{
		Members: size(), ValidPhone: size(segment.ValidPhone{}), OptedIn: size(segment.OptedIn{}), Sendable: int64(len(want.Sendable(a.ID, id))),
	}}
	p.Funnel = []Step{{def.From.String(), int64(len(matching()))}}
	for i, c := range conditions {
		p.Funnel = append(p.Funnel, Step{segment.Text(c), int64(len(matching(conditions[:i+1]...)))})
	}
	members, others := want.Members(a.ID, id), want.Members(a.ID, other)
	both := int64(0)
	for _, contact := range members {
		both += int64(bit(slices.Contains(others, contact)))
	}
	p.Overlap = &Overlap{other, both, int64(len(members)) - both, int64(len(others)) - both}
	return p
}
