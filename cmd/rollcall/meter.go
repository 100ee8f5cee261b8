package main

import (
	"fmt"
	"time"

	"github.com/schollz/progressbar/v3"

	"rollcall/api"
)

// meter shows how far a replay is: a bar in a terminal, and elsewhere a line now
// and then. With --json it shows nothing.
type meter struct {
	s     *session
	bar   *progressbar.ProgressBar // nil: lines
	lined time.Time                // when the last was printed
}

// lineEvery is how often a line is printed.
const lineEvery = 10 * time.Second

func newMeter(s *session) *meter {
	m := &meter{s: s}
	if file, ok := s.terminal(); ok {
		m.bar = progressbar.NewOptions64(1, progressbar.OptionSetWriter(file), progressbar.OptionShowCount(), progressbar.OptionShowIts(),
			progressbar.OptionSetItsString("records"), progressbar.OptionSetWidth(30))
	}
	return m
}

func (m *meter) show(r api.Replay) {
	done, of := offsets(r)
	switch {
	case m.s.JSON:
	case m.bar != nil:
		m.bar.Describe(fmt.Sprintf("replay %s", r.ID))
		m.bar.ChangeMax64(max(of, 1))
		_ = m.bar.Set64(min(done, max(of, 1))) // what it can't draw it can't draw
	case time.Since(m.lined) >= lineEvery || r.EndedAt != nil:
		m.lined = time.Now()
		m.s.printf("replay %s %s: %d of %d, %s\n", r.ID, r.State, done, of, share(r))
	}
}

// end leaves the bar as it is, and goes to the next line.
func (m *meter) end() {
	if m.bar != nil {
		_ = m.bar.Exit()
		m.s.printf("\n")
	}
}

// offsets are how many of how many offsets of the time range are done, as far
// as is known yet.
func offsets(r api.Replay) (done, of int64) {
	for _, p := range r.Progress {
		done, of = done+p.Next-p.From, of+p.End-p.From
	}
	return done, of
}

// share is how much of a replay is done.
func share(r api.Replay) string {
	done, of := offsets(r)
	switch {
	case of > 0:
		return fmt.Sprintf("%d%%", 100*done/of)
	case r.State == "done":
		return "100%"
	}
	return "0%"
}
