// Package api is the product's HTTP interface: JSON, newline-delimited JSON
// for long lists, server-sent events for live sizes, and problems as RFC 9457
// writes them. It describes itself as OpenAPI 3.1 at /openapi.json.
package api

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/prometheus/client_golang/prometheus"

	"rollcall/pipeline/catalog"
	"rollcall/pipeline/imports"
)

// Config is what a Server needs. Fields without a default are required.
type Config struct {
	Catalog     *catalog.Catalog
	Definitions Definitions
	Views       Views
	Eraser      Eraser
	Verifier    Verifier
	Sizes       Sizes
	Changes     Changes
	Letters     Letters
	Records     imports.Writer // takes what imports write
	Snapshots   Snapshots
	Registry    *prometheus.Registry // takes the server's metrics; shown at /metrics

	// Ready names what is missing before the process is ready; none: it is.
	// Default: always ready.
	Ready func() []string
	// OperatorToken opens everything. Empty: nobody is the operator.
	OperatorToken string
	// Tokenless lets everybody in as the operator, without a token; Serve
	// allows it on loopback only. Default: false.
	Tokenless bool
	// Page answers what is not the API's, such as the web page. Default: 404.
	Page http.Handler
	// ComposeWait is how long PUT waits for a segment to be composed. Default: 5 s.
	ComposeWait time.Duration
	// Streams bounds the streams that are open at once: live sizes and lists.
	// Default: DefaultStreams.
	Streams Limit
	// KeepAlive is the longest silence in a stream of events. Default: 15 s.
	KeepAlive time.Duration
	// Version is the product's, shown in the status and in OpenAPI.
	Version string
	// Log takes failures of the server. Default: slog.Default().
	Log *slog.Logger
}

// Definitions writes to the catalog's topic; *catalog.Log does.
type Definitions interface {
	Put(ctx context.Context, e catalog.Entry) (offset int64, err error)
}

// DefaultAccount is whose a request without token and account is.
const DefaultAccount = "demo"

// The limits of a request. Bodies are read whole before they are understood.
const (
	maxBody = 1 << 20
	// A check may bring 10,000 contacts of 200 bytes, and JSON writers that
	// escape everything beyond ASCII make three bytes out of one.
	maxCheckBody = 8 << 20
	// maxSessionBody is for a token and an account, which fit into a header too.
	maxSessionBody = maxHeader
	maxHeader      = 32 << 10
	headerWait     = 5 * time.Second
	idleWait       = 2 * time.Minute
	// requestWait is for reading a request, and answerWait for all of it;
	// streams lift the latter.
	requestWait = time.Minute
	answerWait  = 2 * time.Minute
	// changeWait bounds how long a change waits to be read back.
	changeWait = 10 * time.Second
	// writeWait is how long a stream's reader may block it.
	writeWait = 30 * time.Second
	// shutdownWait is how long requests under way may take at the end.
	shutdownWait = time.Second
)

// Server is the HTTP interface as a handler.
type Server struct {
	Config
	api     huma.API
	handler http.Handler

	streams  *limiter
	requests *limiter
	imports  *limiter
	reports  *limiter

	verifying sync.Mutex // held while a verification is under way

	draining context.Context // ends when the server shuts down, and with it all streams of events
	drain    context.CancelFunc
}

// New returns a server, or an error if the registry has its metrics already.
func New(c Config) (*Server, error) {
	c.ComposeWait = cmp.Or(c.ComposeWait, 5*time.Second)
	c.KeepAlive = cmp.Or(c.KeepAlive, 15*time.Second)
	c.Log = cmp.Or(c.Log, slog.Default())
	c.Streams.All = cmp.Or(c.Streams.All, DefaultStreams.All)
	c.Streams.PerAccount = cmp.Or(c.Streams.PerAccount, DefaultStreams.PerAccount)
	if c.Ready == nil {
		c.Ready = func() []string { return nil }
	}
	if c.Page == nil {
		c.Page = http.HandlerFunc(NotFound)
	}
	m, err := newMetrics(c.Registry)
	if err != nil {
		return nil, err
	}
	s := &Server{Config: c}
	s.streams = newLimiter(c.Streams, "streams", m.streams, m.refused)
	s.requests = newLimiter(requestLimit, "requests", m.limited, m.refused)
	s.imports = newLimiter(importLimit, "imports", m.imports, m.refused)
	s.reports = newLimiter(reportLimit, "reports", m.reports, m.refused)
	s.draining, s.drain = context.WithCancel(context.Background())
	mux := http.NewServeMux()
	s.api = humago.New(mux, describe(c.Version))
	s.routes()
	if err := s.plainRoutes(mux); err != nil {
		return nil, err
	}
	s.handler = m.observe(s.guard(mux))
	return s, nil
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Serve answers on a listener until ctx ends, and then ends all streams of
// events and waits a little for the other requests. It refuses to be open to
// the network without tokens. It can be called once.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	if s.Tokenless && !loopback(l.Addr().String()) {
		l.Close()
		return fmt.Errorf("listen on %s: without tokens only loopback addresses are served", l.Addr())
	}
	server := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: headerWait,
		ReadTimeout:       requestWait,
		WriteTimeout:      answerWait,
		IdleTimeout:       idleWait,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(s.Log.Handler(), slog.LevelWarn),
	}
	server.RegisterOnShutdown(s.drain)
	stopped := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() { stopped <- shutdown(server) })
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		stop()
		return fmt.Errorf("serve on %s: %w", l.Addr(), err)
	}
	return <-stopped
}

// shutdown cuts off what is not done in time: a list without its end line.
func shutdown(server *http.Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), shutdownWait)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		return server.Close()
	}
	return nil
}

// plainRoutes are those without an operation in OpenAPI.
func (s *Server) plainRoutes(mux *http.ServeMux) error {
	spec, err := json.Marshal(s.api.OpenAPI())
	if err != nil {
		return fmt.Errorf("describe the API: %w", err)
	}
	mux.HandleFunc("GET /openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/openapi+json")
		w.Write(spec)
	})
	mux.HandleFunc("GET "+problemsPath+"{$}", problemPage)
	mux.HandleFunc("GET "+problemsPath+"{kind}", problemPage)
	probes := Probes(s.Ready, s.Registry)
	for _, path := range []string{"/healthz", "/readyz", "/metrics"} {
		mux.Handle("GET "+path, probes)
	}
	mux.Handle("/v1/", unmatched(mux))
	mux.Handle("/", s.Page)
	return nil
}

// NotFound answers paths that there are not.
func NotFound(w http.ResponseWriter, _ *http.Request) {
	problem("not-found", "there is no such path; /openapi.json lists them").write(w)
}

// unmatched answers paths of the API that no operation has, and the methods
// that a path does not take.
func unmatched(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, method := range []string{"GET", "PUT", "POST", "DELETE"} {
			probe := r.Clone(r.Context())
			probe.Method = method
			if _, pattern := mux.Handler(probe); pattern != "/v1/" {
				w.Header().Add("Allow", method)
			}
		}
		if len(w.Header()["Allow"]) == 0 {
			NotFound(w, r)
			return
		}
		problem("method-not-allowed", "%s is not for this path", r.Method).write(w)
	})
}
