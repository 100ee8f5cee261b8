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

// digest is a segment's members in short: how many, and a hash over their ids in
// whatever order they come.
type digest struct {
	members int
	sum     uint64
}

func (d digest) String() string { return fmt.Sprintf("%d:%016x", d.members, d.sum) }

// with is the digest of those and others.
func (d digest) with(others []string) digest {
	for _, id := range others {
		d.members++
		d.sum += xxhash.Sum64String(id)
	}
	return d
}

// membership are digests by account and segment.
type membership map[string]digest

func (m membership) add(account, segment string, members []string) {
	name := account + "/" + segment
	m[name] = m[name].with(members)
}

func (m membership) digests() map[string]string {
	out := map[string]string{}
	for name, d := range m {
		out[name] = d.String()
	}
	return out
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
	found := membership{}
	for _, a := range d.Accounts() {
		for _, s := range a.Segments {
			if err := found.stream(ctx, v, a.ID, s.ID); err != nil {
				return nil, fmt.Errorf("members of %s/%s: %w", a.ID, s.ID, err)
			}
		}
	}
	return found.digests(), nil
}

// stream adds the members that a View has of a segment, once it is composed.
func (m membership) stream(ctx context.Context, v *pipeline.View, account, id string) error {
	for !v.Size(account, id).Ready {
		if ctx.Err() != nil {
			return fmt.Errorf("it is not composed: %w", ctx.Err())
		}
		time.Sleep(10 * time.Millisecond)
	}
	m.add(account, id, nil)
	of := segment.Origin{Kind: segment.Segment, Name: id}
	_, _, err := v.Stream(ctx, account, of, pipeline.StreamQuery{}, func(contacts []string, _ string) error {
		m.add(account, id, contacts)
		return nil
	})
	return err
}
