package embedded_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// TestFullDisk runs in a process of its own that may mount a disk of its own.
func TestFullDisk(t *testing.T) {
	if dir := os.Getenv("EMBEDDED_TEST_DISK"); dir != "" {
		must(t, syscall.Mount("none", dir, "tmpfs", 0, "size=1m"))
		for name, first := range map[string]load{"large records": large, "small records": small} {
			t.Run(name, func(t *testing.T) {
				testFullDisk(t, filepath.Join(dir, name), first, func() (room func()) { return ballast(t, dir) })
			})
		}
		return
	}
	child := exec.Command(os.Args[0], "-test.run=^TestFullDisk$", "-test.v")
	child.Env = append(os.Environ(), "EMBEDDED_TEST_DISK="+t.TempDir())
	child.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	out, err := child.CombinedOutput()
	if child.Process == nil || bytes.Contains(out, []byte("operation not permitted")) {
		t.Skipf("this system lets nobody mount a disk: %v", err)
	}
	t.Logf("%s", out)
	if err != nil {
		t.Error(err)
	}
}

// ballast fills the rest of a disk, to the last byte.
func ballast(t *testing.T, dir string) (room func()) {
	path := filepath.Join(dir, "ballast")
	f, err := os.Create(path)
	must(t, err)
	defer f.Close()
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
	return func() { _ = os.Remove(path) }
}
