package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
)

// describeMachine says what the figures were measured on. Kafka's version is
// that of package servers, which says it when it starts.
func describeMachine() string {
	return fmt.Sprintf("%d cores (%s), %s memory, %s %s/%s; Kafka 4.1.0, one broker; %s. All on one machine.",
		runtime.NumCPU(), procField("/proc/cpuinfo", "model name"), procField("/proc/meminfo", "MemTotal"),
		runtime.Version(), runtime.GOOS, runtime.GOARCH, redisVersion())
}

// procField is the first value of that name in a file of /proc.
func procField(file, name string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

func redisVersion() string {
	out, err := exec.Command("redis-server", "--version").Output()
	if err != nil {
		return "Redis in a container"
	}
	version, _, _ := strings.Cut(string(out), " sha=")
	return strings.Replace(version, "Redis server v=", "Redis ", 1)
}
