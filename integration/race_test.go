//go:build race

package integration

// underRace says that the tests themselves run with the race detector, in which
// the naive way takes many times as long.
const underRace = true
