//go:build race

package pipeline

// defaultSimulations is small with the race detector, which makes them ten times as slow.
const defaultSimulations = 40
