//go:build race

package pipeline

// defaultSimulations is small with the race detector, which makes them ten times as slow.
const defaultSimulations = 20

// some is how often a test in one goroutine repeats itself that does it n times
// otherwise: the race detector sees nothing there, and takes its time.
func some(n int) int { return (n + 9) / 10 }
