package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"rollcall/api"
	"rollcall/client"
	"rollcall/pipeline"
)

// asker asks a server of its own process.
type asker struct {
	task   *task
	view   *pipeline.View
	redis  *redis.Client
	url    string
	http   *http.Client
	client *client.Client
	wrong  []string // answers that are not right
}

// newAsker serves a View. run ends with ctx.
func newAsker(s *session, view *pipeline.View) (a *asker, run func(context.Context) error, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	server, err := api.New(api.Config{
		Catalog: s.defined.Catalog, Definitions: s.defined.log, Views: view,
		Registry: prometheus.NewRegistry(), Tokenless: true, Page: http.HandlerFunc(empty),
		Streams: api.Limit{All: 2 * sizeReaders, PerAccount: 2 * sizeReaders},
		Log:     slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		return nil, nil, err
	}
	a = &asker{task: s.task, view: view, redis: s.redis, url: "http://" + l.Addr().String(),
		http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 2 * askers, DisableCompression: true}}}
	a.client = client.New(client.Config{URL: a.url, Account: account})
	return a, func(ctx context.Context) error { return server.Serve(ctx, l) }, nil
}

// empty is the handler that everything is held against: it only reads what is
// sent, or writes as much as is asked for.
func empty(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		answerLines(w, r)
		return
	}
	_, _ = io.Copy(io.Discard, r.Body) // who sent it sees that it was cut off
}

// measureAsking asks a server that follows what Redis holds.
func measureAsking(ctx context.Context, t *task) (*outcome, error) {
	s, err := t.open(ctx)
	if err != nil {
		return nil, err
	}
	defer s.close()
	p := newProber(s, s.store)
	a, serve, err := newAsker(s, p.view)
	if err != nil {
		return nil, err
	}
	background, stop := context.WithCancel(ctx)
	g, background := errgroup.WithContext(background)
	g.Go(func() error { return p.view.Run(background) })
	g.Go(func() error { return serve(background) })
	res, err := a.measure(background, p)
	stop()
	if other := g.Wait(); other != nil && err == nil {
		err = other
	}
	return &outcome{Asking: res, Wrong: a.wrong}, err
}

func (a *asker) measure(ctx context.Context, p *prober) (*askingResult, error) {
	if err := p.awaitFresh(ctx, time.Now()); err != nil {
		return nil, err
	}
	res := &askingResult{Contacts: a.task.People}
	for _, do := range []func(context.Context, *askingResult) error{a.checks, a.lists, a.previews, a.localView} {
		if err := do(ctx, res); err != nil {
			return nil, err
		}
	}
	return res, nil
}

// expect notes an answer that is not right.
func (a *asker) expect(what string, got, want int64) {
	if got != want {
		a.wrong = append(a.wrong, fmt.Sprintf("%s: %d, not %d", what, got, want))
	}
}

// send sends a request and reads the answer whole, into a buffer that is used again.
func (a *asker) send(ctx context.Context, method, path string, body io.Reader, into *[]byte) error {
	request, err := http.NewRequestWithContext(ctx, method, a.url+path, body)
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Rollcall-Account", account)
	response, err := a.http.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	*into, err = appendAll((*into)[:0], response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s %s: %s: %.200s", method, path, response.Status, *into)
	}
	return err
}

func appendAll(buffer []byte, r io.Reader) ([]byte, error) {
	for {
		if len(buffer) == cap(buffer) {
			buffer = append(buffer, 0)[:len(buffer)]
		}
		n, err := r.Read(buffer[len(buffer):cap(buffer)])
		buffer = buffer[:len(buffer)+n]
		if err == io.EOF {
			return buffer, nil
		}
		if err != nil {
			return buffer, err
		}
	}
}
