//go:build !race

package pipeline

const defaultSimulations = 500

func some(n int) int { return n }
