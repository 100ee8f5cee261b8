package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"rollcall/api"
	"rollcall/client"
)

// operatorToken opens the product's processes, which listen on loopback.
const operatorToken = "bench-operator-token-0123456789"

// product is a running "rollcall serve".
type product struct {
	cmd    *exec.Cmd
	log    string
	exited chan struct{}
	began  time.Time // just before it was started
	ask    *client.Client
}

// buildProduct builds the program.
func buildProduct(ctx context.Context, dir string) (string, error) {
	binary := filepath.Join(dir, "rollcall")
	out, err := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", binary, "rollcall/cmd/rollcall").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build rollcall: %w\n%s", err, out)
	}
	return binary, nil
}

var announcedAPI = regexp.MustCompile(`API at (http://\S+),`)

// startProduct returns when the process listens. It dies with this one.
func (s *site) startProduct(ctx context.Context) (*product, error) {
	s.started++
	p := &product{exited: make(chan struct{}), log: filepath.Join(s.dir, fmt.Sprintf("rollcall-%d.log", s.started))}
	out, err := os.Create(p.log)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	p.cmd = exec.Command(s.binary, "serve", "--listen", "127.0.0.1:0", "--brokers", s.kafka.Addr(), "--redis", "redis://"+s.redis.Addr)
	p.cmd.Stdout, p.cmd.Stderr = out, out
	p.cmd.Env = append(os.Environ(), "ROLLCALL_OPERATOR_TOKEN="+operatorToken)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	p.began = time.Now()
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { _ = p.cmd.Wait(); close(p.exited) }()
	s.products = append(s.products, p)
	return p, p.awaitAPI(ctx)
}

func (p *product) awaitAPI(ctx context.Context) error {
	for {
		text, err := os.ReadFile(p.log)
		if err != nil {
			return err
		}
		if found := announcedAPI.FindSubmatch(text); found != nil {
			p.ask = client.New(client.Config{URL: string(found[1]), Token: operatorToken, Account: large})
			return nil
		}
		if err := p.pause(ctx); err != nil {
			return fmt.Errorf("%w\n%s", err, text)
		}
	}
}

// look is between two questions whether something has happened.
const look = 2 * time.Millisecond

// pause waits a moment for a process that is to live on.
func (p *product) pause(ctx context.Context) error {
	select {
	case <-p.exited:
		return errors.New("rollcall ended")
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(look):
		return nil
	}
}

// end sends a signal and waits for the end.
func (p *product) end(sig syscall.Signal) {
	_ = p.cmd.Process.Signal(sig) // it may have ended by itself
	<-p.exited
}

// call sends a request and decodes the answer.
func (p *product) call(ctx context.Context, method, path string, body, answer any) error {
	res, err := p.ask.Do(ctx, method, path, body, nil)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	defer res.Body.Close()
	if answer == nil || res.StatusCode == http.StatusNoContent {
		return nil
	}
	return json.NewDecoder(res.Body).Decode(answer)
}

// awaitFresh returns when everything that was written before a moment is in the
// account's answers.
func (p *product) awaitFresh(ctx context.Context, written time.Time) error {
	for {
		var s api.Status
		err := p.call(ctx, "GET", "/v1/status", nil, &s)
		if err == nil && s.Freshness.Fresh && s.Freshness.AsOf.After(written) {
			return nil
		}
		if pauseErr := p.pause(ctx); pauseErr != nil {
			return errors.Join(pauseErr, err, errors.New(strings.Join(s.Freshness.Missing, ", ")))
		}
	}
}
