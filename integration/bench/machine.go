package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"rollcall/integration/servers"
)

// describeMachine says what the figures were measured on.
func describeMachine() string {
	return fmt.Sprintf("%d cores (%s), %s memory, %s %s/%s; %s, one broker; %s. All on one machine.",
		runtime.NumCPU(), procField("/proc/cpuinfo", "model name"), procField("/proc/meminfo", "MemTotal"),
		runtime.Version(), runtime.GOOS, runtime.GOARCH, kafkaVersion(), redisVersion())
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

// kafkaVersion is that of the directory with Kafka's jars.
func kafkaVersion() string {
	dir, err := servers.KafkaJars()
	if err != nil {
		return "Kafka in a container"
	}
	return strings.Replace(filepath.Base(dir), "kafka-", "Kafka ", 1)
}

func redisVersion() string {
	out, err := exec.Command("redis-server", "--version").Output()
	if err != nil {
		return "Redis in a container"
	}
	version, _, _ := strings.Cut(string(out), " sha=")
	return strings.Replace(version, "Redis server v=", "Redis ", 1)
}
