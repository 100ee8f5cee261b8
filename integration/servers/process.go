package servers

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// process runs a server as a child of the test binary, in a process group of
// its own so that whatever it starts ends with it.
type process struct {
	dir  string // its data, and its output in "log"
	argv []string
	as   *syscall.Credential // nil: as this process

	pid    int
	exited chan struct{} // closed when the child has been waited for
	err    error         // how it ended, once exited is closed
	guard  io.Closer     // see guardGroup
}

func (p *process) start(context.Context) error {
	out, err := os.OpenFile(p.logPath(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer out.Close()
	cmd := exec.Command(p.argv[0], p.argv[1:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = p.dir, out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: p.as}
	if err := cmd.Start(); err != nil {
		return err
	}
	p.pid, p.exited = cmd.Process.Pid, make(chan struct{})
	go p.wait(cmd, p.exited)
	p.guard, err = guardGroup(p.pid)
	if err != nil {
		return fmt.Errorf("guard process: %w", err)
	}
	return nil
}

func (p *process) wait(cmd *exec.Cmd, exited chan struct{}) {
	p.err = cmd.Wait()
	close(exited)
}

func (p *process) alive() error {
	if p.exited == nil {
		return fmt.Errorf("%s was not started", filepath.Base(p.argv[0]))
	}
	select {
	case <-p.exited:
		return fmt.Errorf("%s ended: %v", filepath.Base(p.argv[0]), p.err)
	default:
		return nil
	}
}

func (p *process) kill() error { return p.end(context.Background(), syscall.SIGKILL) }

func (p *process) stop(ctx context.Context) error { return p.end(ctx, syscall.SIGTERM) }

func (p *process) freeze(on bool) error {
	if on {
		return syscall.Kill(-p.pid, syscall.SIGSTOP)
	}
	return syscall.Kill(-p.pid, syscall.SIGCONT)
}

func (p *process) remove() error { return p.kill() }

// end signals the group and waits for the child; when ctx is over it kills it.
func (p *process) end(ctx context.Context, sig syscall.Signal) error {
	if p.alive() != nil {
		return nil
	}
	if err := syscall.Kill(-p.pid, sig); err != nil && err != syscall.ESRCH {
		return err
	}
	select {
	case <-p.exited:
	case <-ctx.Done():
		syscall.Kill(-p.pid, syscall.SIGKILL)
		<-p.exited
	}
	return p.guard.Close()
}

func (p *process) logPath() string { return filepath.Join(p.dir, "log") }

func (p *process) log() string {
	b, err := os.ReadFile(p.logPath())
	if err != nil {
		return err.Error()
	}
	return lastLines(string(b))
}

// lastLines is the end of a log, where the reason of a failed start stands.
func lastLines(log string) string {
	const lines = 20
	all := strings.Split(strings.TrimSpace(log), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// guardGroup kills a process group when this process ends without having done
// so, as it does on a panic, a timeout of go test or a SIGKILL: a small shell
// waits for the end of its standard input, which only we hold open.
// Closing the guard dismisses it.
func guardGroup(pid int) (io.Closer, error) {
	cmd := exec.Command("/bin/sh", "-c", "read -r order || kill -9 -"+strconv.Itoa(pid))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &guard{cmd: cmd, in: in}, nil
}

type guard struct {
	cmd *exec.Cmd
	in  io.WriteCloser
}

func (g *guard) Close() error {
	if _, err := io.WriteString(g.in, "dismissed\n"); err != nil {
		return err
	}
	return g.cmd.Wait()
}
