package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/cespare/xxhash/v2"
	"golang.org/x/sync/errgroup"

	"rollcall/bitmaps"
	"rollcall/consumers"
	"rollcall/pipeline"
	"rollcall/pipeline/segment"
)

// digest is a segment's members in short: how many, and a hash over their ids.
func digest(members []string) string {
	slices.Sort(members)
	h := xxhash.New()
	for _, id := range members {
		_, _ = h.WriteString(id + "\n") // never fails
	}
	return fmt.Sprintf("%d:%016x", len(members), h.Sum64())
}

// different are the segments of which the answers differ.
func different(a, b map[string]string) []string {
	var ids []string
	for _, id := range slices.Sorted(maps.Keys(a)) {
		if a[id] != b[id] {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 && len(a) != len(b) {
		return []string{"not as many segments"}
	}
	return ids
}

// noEnds is for a View of which freshness is not asked.
type noEnds struct{}

func (noEnds) Ends(context.Context) ([]map[consumers.TopicPartition]int64, int64, error) {
	return make([]map[consumers.TopicPartition]int64, partitions), 0, nil
}

// storedAnswers are the members that Redis holds, read as a server does.
func storedAnswers(ctx context.Context, store *bitmaps.Store, d *defined, now time.Time) (map[string]string, error) {
	v := pipeline.NewView(pipeline.ViewConfig{
		Partitions: partitions, Store: store, Catalog: d.Catalog, Ends: noEnds{}, MaxStaleness: time.Minute,
		Now: func() time.Time { return now },
	})
	following, stop := context.WithCancel(ctx)
	var g errgroup.Group
	g.Go(func() error { return v.Run(following) })
	answers, err := viewAnswers(ctx, v, d)
	stop()
	if followErr := g.Wait(); err == nil && followErr != nil && ctx.Err() == nil {
		err = followErr
	}
	return answers, err
}

func viewAnswers(ctx context.Context, v *pipeline.View, d *defined) (map[string]string, error) {
	answers := map[string]string{}
	for _, s := range d.Account(account).Segments {
		for !v.Size(account, s.ID).Ready {
			if ctx.Err() != nil {
				return nil, fmt.Errorf("segment %s is not composed: %w", s.ID, ctx.Err())
			}
			time.Sleep(10 * time.Millisecond)
		}
		var members []string
		of := segment.Origin{Kind: segment.Segment, Name: s.ID}
		_, _, err := v.Stream(ctx, account, of, pipeline.StreamQuery{}, func(contacts []string, _ string) error {
			members = append(members, contacts...)
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("members of %s: %w", s.ID, err)
		}
		answers[s.ID] = digest(members)
	}
	return answers, nil
}
