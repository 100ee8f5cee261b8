package integration

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// process is a running "rollcall serve".
type process struct {
	t       *testing.T
	cmd     *exec.Cmd
	exited  chan struct{}
	guard   io.WriteCloser
	logPath string // its output
	url     string // of its API
}

// A process without the API says where its probes are.
var announcedAPI = regexp.MustCompile(`(?:API|Probes and metrics) at (http://[^\s,]+)`)

// start runs the binary until it is killed, stopped, or the test ends, and
// returns when it listens.
func start(t *testing.T, args ...string) *process {
	t.Helper()
	return startOf(t, binary, args...)
}

// startOf runs another version of the binary.
func startOf(t *testing.T, binary string, args ...string) *process {
	t.Helper()
	p := &process{t: t, exited: make(chan struct{}), logPath: filepath.Join(t.TempDir(), "output")}
	out, err := os.Create(p.logPath)
	must(t, err)
	defer out.Close()
	p.cmd = exec.Command(binary, append([]string{"serve", "--listen", "127.0.0.1:0"}, args...)...)
	p.cmd.Stdout, p.cmd.Stderr = out, out
	p.cmd.Env = append(cleanEnvironment(), "ROLLCALL_OPERATOR_TOKEN="+operatorToken, "GORACE=halt_on_error=1")
	must(t, p.cmd.Start())
	p.guard = guardProcess(t, p.cmd.Process.Pid)
	go func() { _ = p.cmd.Wait(); close(p.exited) }()
	t.Cleanup(p.cleanUp)
	eventually(t, 60*time.Second, "rollcall listens", func() error {
		if p.gone() {
			t.Fatalf("rollcall ended at once:\n%s", p.output())
		}
		if found := announcedAPI.FindStringSubmatch(p.output()); found != nil {
			p.url = found[1]
			return nil
		}
		return fmt.Errorf("it has not said where: %s", p.output())
	})
	return p
}

// ready waits until the process says that it is: it has restored its state, and
// what there is in Kafka is in it.
func (p *process) ready() *process {
	p.t.Helper()
	eventually(p.t, 2*time.Minute, "rollcall is ready", func() error {
		if p.gone() {
			p.t.Fatalf("rollcall ended by itself:\n%s", p.lastLines())
		}
		code, body, err := tryAsk(p.t, p, "", "GET", "/readyz", nil)
		if err == nil && code != 200 {
			err = fmt.Errorf("it is answered %d: %.500s", code, body)
		}
		return err
	})
	return p
}

// cleanEnvironment is ours without what rollcall would take for its flags.
func cleanEnvironment() []string {
	var kept []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "ROLLCALL_") {
			kept = append(kept, v)
		}
	}
	return kept
}

// guardProcess kills a process when this one ends without having dismissed the
// guard, as it does on a panic or a timeout of go test.
func guardProcess(t *testing.T, pid int) io.WriteCloser {
	t.Helper()
	cmd := exec.Command("/bin/sh", "-c", "read -r order || kill -9 "+strconv.Itoa(pid))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	in, err := cmd.StdinPipe()
	must(t, err)
	must(t, cmd.Start())
	go cmd.Wait()
	return in
}

// kill ends the process as a crash would.
func (p *process) kill() { p.end(syscall.SIGKILL) }

// stop asks the process to end.
func (p *process) stop() { p.end(syscall.SIGTERM) }

func (p *process) end(sig syscall.Signal) {
	p.t.Helper()
	if p.gone() {
		p.t.Errorf("rollcall had ended before it was told to:\n%s", p.lastLines())
		return
	}
	if err := p.cmd.Process.Signal(sig); err != nil {
		p.t.Error(err)
	}
	select {
	case <-p.exited:
	case <-time.After(60 * time.Second):
		p.t.Errorf("rollcall takes over a minute to end on %v:\n%s", sig, p.lastLines())
		_ = p.cmd.Process.Kill()
		<-p.exited
	}
	if code := p.cmd.ProcessState.ExitCode(); sig == syscall.SIGTERM && code != 0 {
		p.t.Errorf("rollcall ended with code %d on %v:\n%s", code, sig, p.lastLines())
	}
}

func (p *process) gone() bool {
	select {
	case <-p.exited:
		return true
	default:
		return false
	}
}

func (p *process) cleanUp() {
	if !p.gone() {
		p.stop()
	}
	_, _ = io.WriteString(p.guard, "dismissed\n")
	if out := p.output(); strings.Contains(out, "panic: ") || strings.Contains(out, "WARNING: DATA RACE") {
		p.t.Errorf("rollcall panicked, or raced:\n%s", out[max(0, len(out)-20_000):])
	}
	if p.t.Failed() {
		p.t.Logf("the end of rollcall's output:\n%s", p.lastLines())
	}
}

func (p *process) output() string {
	b, err := os.ReadFile(p.logPath)
	must(p.t, err)
	return string(b)
}

func (p *process) lastLines() string {
	all := bytes.Split(bytes.TrimSpace([]byte(p.output())), []byte("\n"))
	return string(bytes.Join(all[max(0, len(all)-30):], []byte("\n")))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// eventually asks until there is no error any more.
func eventually(t *testing.T, within time.Duration, what string, ask func() error) {
	t.Helper()
	began := time.Now()
	for {
		err := ask()
		if err == nil {
			return
		}
		if time.Since(began) > within {
			t.Fatalf("after %v still not: %s: %v", within, what, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
