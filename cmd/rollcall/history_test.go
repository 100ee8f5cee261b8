package main

import (
	"testing"
	"time"

	"rollcall/api"
	"rollcall/pipeline/sizes"
)

// fakeSizes answers one point, which is what it was asked.
type fakeSizes struct{}

func (fakeSizes) Points(_, _ string, from, _ time.Time, step sizes.Step) ([]api.SizePoint, error) {
	return []api.SizePoint{{At: from, Size: 40, Sendable: 30, Entered: int64(step.Days), Exited: int64(step.Time.Hours())}}, nil
}

func TestHistory(t *testing.T) {
	b := newBench(t)
	b.run("segment", "put", "a", "all contacts")
	b.expect("FROM                  SIZE  SENDABLE  ENTERED  EXITED\n2026-01-01T00:00:00Z  40    30        0        6\n", "segment", "history", "a", "--from", "2026-01-01", "--step", "6h")
	b.expect(`"points":[{"at":"`, "segment", "history", "a", "--json")
	b.expectError("step", "segment", "history", "a", "--step", "weekly")
	b.expectError(`no segment "b"`, "segment", "history", "b")
}
