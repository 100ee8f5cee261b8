package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"rollcall/pipeline/naive"
)

// segmentRow is one way of finding out who is in a new segment.
type segmentRow struct {
	Name   string
	Millis map[string]float64 // median, by question
	Sum    float64            // of the questions
	Right  bool               // all answers were those of the naive way
}

// newSegmentResult is how long new segments over history take.
type newSegmentResult struct {
	Contacts, Events int64
	Members          map[string]int64 // by question, in the naive way
	Rows             []segmentRow
	Missing          []string // rivals that this machine does not have
}

// newSegments defines segments over the large account's history.
func newSegments(ctx context.Context, b *bench) error {
	s, err := b.largeSite(ctx)
	if err != nil {
		return err
	}
	b.page.heading(fmt.Sprintf("A new segment over %d contacts and %d days, until its exact size is known, in ms", b.large, largeDays))
	began := time.Now()
	p, err := s.running(ctx)
	if err != nil {
		return err
	}
	b.page.printf("A process of the product had read and committed the %d records in %.1f s from its start, with the 50 segments.\n",
		s.history.records(), time.Since(began).Seconds())
	people, want, err := s.population(ctx, b.now)
	if err != nil {
		return err
	}
	var r rivals
	err = b.compareWays(ctx, p, people, want, &r)
	if closeErr := r.close(); err == nil {
		err = closeErr
	}
	return err
}

// population recomputes the account partition by partition, as it would not fit
// into memory at once.
func (s *site) population(ctx context.Context, now time.Time) (*population, map[string]int64, error) {
	a, err := largeAccount()
	if err != nil {
		return nil, nil, err
	}
	day, err := largeDay(now)
	if err != nil {
		return nil, nil, err
	}
	people, want := newPopulation(day), map[string]int64{}
	for task := range int32(partitions) {
		r, err := s.history.recompute(ctx, s.client, []naive.Account{a}, task, now)
		if err != nil {
			return nil, nil, err
		}
		people.add(r, large)
		for _, q := range questions {
			want[q.name] += int64(len(r.Members(large, q.name)))
		}
	}
	return people, want, nil
}

func (b *bench) compareWays(ctx context.Context, p *product, people *population, want map[string]int64, r *rivals) error {
	bits, err := b.newRedis("bitmaps")
	if err != nil {
		return err
	}
	dir := filepath.Join(b.dir, "rivals")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := r.meet(ctx, dir, bits.Client, people); err != nil {
		return err
	}
	res := &newSegmentResult{Contacts: int64(len(people.people)), Events: int64(len(people.events)), Members: want, Missing: r.missing}
	for _, way := range append(p.ways(), r.all...) {
		row, err := b.timeWay(ctx, &way, want)
		if err != nil {
			return err
		}
		res.Rows = append(res.Rows, row)
	}
	b.results.NewSegment = res
	res.print(b, r)
	return bits.stopEarly(b)
}

// timeWay asks all questions, each once more than there are rounds: the first
// time does not count.
func (b *bench) timeWay(ctx context.Context, way *rival, want map[string]int64) (segmentRow, error) {
	row := segmentRow{Name: way.name, Millis: map[string]float64{}, Right: true}
	for i := range questions {
		q := &questions[i]
		var took []float64
		for range 1 + max(3, b.rounds) {
			n, d, err := way.ask(ctx, q)
			if err != nil {
				return row, fmt.Errorf("%s: %w", way.name, err)
			}
			took = append(took, millis(d))
			if n != want[q.name] {
				row.Right = false
				b.wrong("new segment, %s, %s: %d members, not %d", way.name, q.name, n, want[q.name])
			}
		}
		row.Millis[q.name] = median(took[1:])
		row.Sum += row.Millis[q.name]
	}
	return row, nil
}

// Places in the rows.
const (
	rowDefined = 0
	rowPreview = 1
)

func (res *newSegmentResult) print(b *bench, r *rivals) {
	b.page.printf("%-44s", "")
	for _, q := range questions {
		b.page.printf(" %9s", q.name)
	}
	b.page.printf(" %9s %9s %9s\n", "sum", "x defined", "x preview")
	ours := res.Rows[rowDefined].Sum
	for _, row := range res.Rows {
		b.page.printf("%-44s", row.Name)
		for _, q := range questions {
			b.page.printf(" %9.2f", row.Millis[q.name])
		}
		b.page.printf(" %9.2f %9.2f %9.2f\n", row.Sum, row.Sum/ours, row.Sum/res.Rows[rowPreview].Sum)
	}
	for _, q := range questions {
		b.page.printf("  %-8s %9d members: %s\n", q.name, res.Members[q.name], q.text)
	}
	b.page.printf("Loaded with %d events that the naive way tells apart, which is not counted: %s.\n", res.Events, strings.Join(r.loaded, ", "))
	for _, missing := range res.Missing {
		b.page.printf("%s\n", missing)
	}
	b.page.printf("Medians, after one that does not count. Defined: from PUT over HTTP, through Kafka and a commit by every partition, until the\n" +
		"answer has the size; from then on it is kept, member by member. The others count once: only the materialized view and BITOP keep whom.\n\n")
	res.aims(b)
}

func (res *newSegmentResult) aims(b *bench) {
	for _, rival := range []struct {
		name  string
		times float64
	}{{"Redis", 1}, {"ClickHouse", 10}, {"PostgreSQL", 50}} {
		want := fmt.Sprintf("%.0f x as fast", rival.times)
		best := res.best(rival.name)
		if best == 0 {
			b.aim(false, "new segment, beside "+rival.name, want, "it is missing here")
			continue
		}
		defined, previewed := best/res.Rows[rowDefined].Sum, best/res.Rows[rowPreview].Sum
		b.aim(defined >= rival.times, "new segment, beside the faster way of "+rival.name, want,
			fmt.Sprintf("%.2f x, only previewed %.2f x", defined, previewed))
	}
}

// best is the least that a rival's ways take, 0 if it is not there.
func (res *newSegmentResult) best(rival string) (least float64) {
	for _, row := range res.Rows {
		if strings.HasPrefix(row.Name, rival) && (least == 0 || row.Sum < least) {
			least = row.Sum
		}
	}
	return least
}
