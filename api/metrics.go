package api

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics count requests by the pattern of their path, never the path itself:
// it may name a contact.
type metrics struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	open     prometheus.Gauge
	streams  prometheus.Gauge
	limited  prometheus.Gauge
	imports  prometheus.Gauge
	reports  prometheus.Gauge
	refused  *prometheus.CounterVec
}

func newMetrics(registry prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "rollcall_http_requests_total", Help: "HTTP requests by pattern of the path and status code.",
		}, []string{"path", "code"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "rollcall_http_request_duration_seconds", Help: "How long HTTP requests took, streams to their end.",
			Buckets: []float64{.001, .005, .01, .05, .1, .25, .5, 1, 2.5, 5, 10, 60},
		}, []string{"path"}),
		open: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "rollcall_http_requests_open", Help: "HTTP requests under way, streams among them.",
		}),
		streams: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "rollcall_streams", Help: "Streams that are open: live sizes and lists.",
		}),
		limited: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "rollcall_api_requests", Help: "Requests to the API under way, without streams.",
		}),
		imports: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "rollcall_imports", Help: "Imports of files under way.",
		}),
		reports: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "rollcall_reports", Help: "SMS reports under way.",
		}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "rollcall_refused_total", Help: "What was refused, and by whose limit: the account's or the server's.",
		}, []string{"what", "limit"}),
	}
	for _, c := range []prometheus.Collector{m.requests, m.seconds, m.open, m.streams, m.limited, m.imports, m.reports, m.refused} {
		if err := registry.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *metrics) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.open.Inc()
		defer m.open.Dec()
		began, recorded := time.Now(), &recorder{ResponseWriter: w, code: http.StatusOK}
		next.ServeHTTP(recorded, r)
		path := r.Pattern // set by the mux on its way
		if path == "" {
			path = "refused"
		}
		m.requests.WithLabelValues(path, strconv.Itoa(recorded.code)).Inc()
		m.seconds.WithLabelValues(path).Observe(time.Since(began).Seconds())
	})
}

// recorder remembers the status code.
type recorder struct {
	http.ResponseWriter
	code int
}

func (r *recorder) WriteHeader(code int) {
	r.code = code
	r.ResponseWriter.WriteHeader(code)
}

// Unwrap gives http.ResponseController the deadlines and flushing beneath.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
