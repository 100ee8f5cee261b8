//go:build race

package pipeline

// defaultHistories is small with the race detector, which makes them ten times as slow.
const defaultHistories = 100
