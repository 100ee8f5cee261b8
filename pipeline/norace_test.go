//go:build !race

package pipeline

const defaultSimulations = 500
