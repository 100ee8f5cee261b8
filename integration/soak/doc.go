// Package soak makes up the faults of a long test from a seed, writes the
// records that flow meanwhile and remembers which of them were acknowledged, and
// adds up what was seen. What strikes whom, and what has to be right in the end,
// is the test's: TestSoak in package integration.
package soak
