package api

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// Limit is how many of something there may be at once.
type Limit struct {
	All        int // of the whole process
	PerAccount int // so that one account does not take what others need
}

// DefaultStreams is how many streams may be open if nothing else is said.
var DefaultStreams = Limit{All: 1000, PerAccount: 200}

// requestLimit bounds the other requests that are under way. Each may bring a
// body of maxCheckBody.
var requestLimit = Limit{All: 256, PerAccount: 64}

// limiter lets so many in.
type limiter struct {
	Limit
	what    string
	open    prometheus.Gauge
	refused *prometheus.CounterVec

	mu   sync.Mutex
	all  int
	each map[string]int // by account
}

func newLimiter(l Limit, what string, open prometheus.Gauge, refused *prometheus.CounterVec) *limiter {
	return &limiter{
		Limit: l, what: what, each: map[string]int{}, open: open,
		refused: refused.MustCurryWith(prometheus.Labels{"what": what}),
	}
}

// enter takes a place for an account, and says how to give it back; or what
// there is too much of.
func (l *limiter) enter(account string) (leave func(), p *Problem) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.all >= l.All:
		l.refused.WithLabelValues("server").Inc()
		return nil, problem("busy", "the server has %d %s under way, and takes no more", l.All, l.what)
	case l.each[account] >= l.PerAccount:
		l.refused.WithLabelValues("account").Inc()
		return nil, problem("too-many", "the account has %d %s under way, and may have no more", l.PerAccount, l.what)
	}
	l.all++
	l.each[account]++
	l.open.Inc()
	return func() { l.leave(account) }, nil
}

func (l *limiter) leave(account string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all--
	if l.each[account]--; l.each[account] == 0 {
		delete(l.each, account)
	}
	l.open.Dec()
}
