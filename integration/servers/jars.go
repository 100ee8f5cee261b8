package servers

import (
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

const kafkaVersion = "4.1.0"

//go:embed kafka/pom.xml
var kafkaPOM []byte

// KafkaJars returns the directory with the jars of the Kafka broker, which it
// fetches from Maven Central into the user's cache when they are not there yet.
func KafkaJars() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	cache = filepath.Join(cache, "rollcall")
	dir := filepath.Join(cache, "kafka-"+kafkaVersion)
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", err
	}
	unlock, err := lock(dir + ".lock")
	if err != nil {
		return "", err
	}
	defer unlock()
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	return dir, fetchJars(cache, dir)
}

// fetchJars makes dir appear whole or not at all.
func fetchJars(cache, dir string) error {
	mvn, err := exec.LookPath("mvn")
	if err != nil {
		return fmt.Errorf("no Kafka jars in %s and there is no mvn to fetch them: %w", dir, errUnavailable)
	}
	work, err := os.MkdirTemp(cache, "fetch-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	pom, libs := filepath.Join(work, "pom.xml"), filepath.Join(work, "libs")
	if err := os.WriteFile(pom, kafkaPOM, 0o644); err != nil {
		return err
	}
	cmd := exec.Command(mvn, "--batch-mode", "--quiet", "--file", pom,
		"-Dkafka.version="+kafkaVersion, "-DoutputDirectory="+libs, "dependency:copy-dependencies")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("fetch Kafka's jars with Maven: %w\n%s", err, out)
	}
	return os.Rename(libs, dir)
}

// lock waits for the lock file at path: go test runs the tests of several
// packages at once, and Maven's own cache stands only one writer.
func lock(path string) (unlock func() error, err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return f.Close, nil
}
