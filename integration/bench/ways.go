package main

import (
	"context"
	"fmt"
)

// ways are how the product tells who is in a new segment: it is defined, or
// only previewed.
func (p *product) ways() []rival {
	return []rival{
		{name: "defined: PUT until it has its size", count: p.define, reset: p.undefine},
		{name: "previewed: an exact count of what is not stored", count: p.preview},
	}
}

func (p *product) define(ctx context.Context, q *question) (int64, error) {
	var answer struct{ Size *int64 }
	err := p.call(ctx, "PUT", "/v1/segments/new", map[string]any{"text": q.text}, &answer)
	for err == nil && answer.Size == nil {
		if err = p.pause(ctx); err == nil {
			err = p.call(ctx, "GET", "/v1/segments/new", nil, &answer)
		}
	}
	if err != nil {
		return 0, fmt.Errorf("define %q: %w", q.text, err)
	}
	return *answer.Size, nil
}

func (p *product) undefine(ctx context.Context, _ *question) error {
	return p.call(ctx, "DELETE", "/v1/segments/new", nil, nil)
}

func (p *product) preview(ctx context.Context, q *question) (int64, error) {
	var answer struct{ Size int64 }
	err := p.call(ctx, "POST", "/v1/preview", map[string]any{"text": q.text}, &answer)
	return answer.Size, err
}
