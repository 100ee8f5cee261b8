package main

import (
	"context"
	"os/exec"
	"strings"
)

// topFunctions are the 15 functions in which a profile spent most, as go tool
// pprof prints them.
func topFunctions(ctx context.Context, file string) string {
	out, err := exec.CommandContext(ctx, "go", "tool", "pprof", "-top", "-nodecount=15", file).Output()
	if err != nil {
		return "  (go tool pprof is not available; the profile is " + file + ")\n"
	}
	_, table, found := strings.Cut(string(out), "flat  flat%")
	if !found {
		return string(out)
	}
	return "      flat  flat%" + table
}
