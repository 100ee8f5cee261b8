package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// rival is another way to find out who is in a segment. It is loaded with the
// population before it is asked.
type rival struct {
	name  string
	count func(ctx context.Context, q *question) (int64, error)
	reset func(ctx context.Context, q *question) error // undoes a count, out of measurement; nil: there is nothing to undo
}

// rivals are those that there are, and what keeps the others from being there.
type rivals struct {
	all     []rival
	missing []string
	loaded  []string // how long loading took, by server
	closers []func() error
}

// close ends what was started, the last first.
func (r *rivals) close() error {
	var errs []error
	for _, c := range slices.Backward(r.closers) {
		errs = append(errs, c())
	}
	return errors.Join(errs...)
}

// add takes a server's ways in, or notes that it is missing.
func (r *rivals) add(name string, began time.Time, ways []rival, err error) {
	if err != nil {
		r.missing = append(r.missing, fmt.Sprintf("%s is missing: %v", name, err))
		return
	}
	r.all = append(r.all, ways...)
	r.loaded = append(r.loaded, fmt.Sprintf("%s %.1f s", name, time.Since(began).Seconds()))
}

// ask counts, and tells how long that took.
func (r *rival) ask(ctx context.Context, q *question) (n int64, took time.Duration, err error) {
	began := time.Now()
	n, err = r.count(ctx, q)
	took = time.Since(began)
	if err == nil && r.reset != nil {
		err = r.reset(ctx, q)
	}
	return n, took, err
}
