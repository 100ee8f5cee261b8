//go:build !race

package pipeline

const defaultHistories = 1000
