package main

import (
	"fmt"
	"strconv"
	"time"

	"rollcall/api"
)

type rebuildCmd struct {
	Start  rebuildStartCmd  `cmd:"" default:"withargs" help:"Start one, and follow it."`
	List   rebuildListCmd   `cmd:"" help:"List all that were started."`
	Show   rebuildShowCmd   `cmd:"" help:"How one stands, and what differs."`
	Cancel rebuildCancelCmd `cmd:"" help:"Have the partitions that are not done give up."`
}

type rebuildStartCmd struct {
	Compare bool `help:"Compare only, and leave nothing behind."`
	Detach  bool `help:"Don't wait until it is done."`
}

func (c *rebuildStartCmd) Run(s *session) error {
	r, err := fetch[api.Rebuild](s, "POST", "/v1/rebuilds", map[string]any{"take_over": !c.Compare})
	if err != nil {
		return err
	}
	if s.JSON || c.Detach {
		return show(s, r, func() { s.printf("%s\n", r.ID) })
	}
	s.printf("rebuild %s was started\n", r.ID)
	return followRebuild(s, r)
}

// followRebuild tells how a rebuild gets on until it is over.
func followRebuild(s *session, r api.Rebuild) error {
	told := ""
	r, err := follow(s, "/v1/rebuilds/"+r.ID, r, func(r api.Rebuild) (over bool) {
		if line := rebuildLine(r); line != told {
			s.printf("%s\n", line)
			told = line
		}
		return r.State != "running"
	})
	if s.ctx.Err() != nil {
		return fmt.Errorf("the rebuild goes on: rollcall rebuild show %s looks at it, rollcall rebuild cancel %s ends it", r.ID, r.ID)
	}
	if err != nil {
		return err
	}
	showDifferences(s, r)
	if r.State != "done" {
		return fmt.Errorf("rebuild %s: %s", r.ID, r.State)
	}
	return nil
}

func rebuildLine(a api.Rebuild) string {
	done, offsets, of := 0, int64(0), int64(0)
	for _, p := range a.Partitions {
		if p.State == "replaced" || p.State == "compared" {
			done++
		}
		offsets, of = offsets+p.Offsets, of+p.Of
	}
	return fmt.Sprintf("%s: %d of %d partitions, %d offsets read, %d memberships differ", a.State, done, len(a.Partitions), offsets, a.Differences)
}

func showDifferences(s *session, a api.Rebuild) {
	if a.Differences == 0 {
		return
	}
	t := newTable(s, "PARTITION", "ACCOUNT", "SEGMENT", "CONTACT", "CHANGE")
	for _, p := range a.Partitions {
		for _, d := range p.Listed {
			t.row(strconv.Itoa(p.Partition), d.Account, d.Segment, plain(d.Contact), d.Change)
		}
		if more := p.Differences - int64(len(p.Listed)); more > 0 {
			t.row(strconv.Itoa(p.Partition), fmt.Sprintf("and %d more", more))
		}
	}
	t.Flush()
}

type rebuildListCmd struct{}

func (rebuildListCmd) Run(s *session) error {
	return call(s, "GET", "/v1/rebuilds", nil, func(a struct{ Rebuilds []api.Rebuild }) {
		t := newTable(s, "ID", "STARTED", "TAKES OVER")
		for _, r := range a.Rebuilds {
			t.row(r.ID, r.StartedAt.Format(time.RFC3339), yesNo(r.TakeOver))
		}
		t.Flush()
	})
}

type rebuildShowCmd struct {
	ID string `arg:"" help:"The rebuild's id."`
}

func (c *rebuildShowCmd) Run(s *session) error {
	return call(s, "GET", "/v1/rebuilds/"+c.ID, nil, func(a api.Rebuild) {
		s.printf("%s\n", rebuildLine(a))
		t := newTable(s, "PARTITION", "STATE", "READ", "OF", "DIFFER", "REASON")
		for _, p := range a.Partitions {
			t.row(strconv.Itoa(p.Partition), string(p.State), strconv.FormatInt(p.Offsets, 10), strconv.FormatInt(p.Of, 10),
				strconv.FormatInt(p.Differences, 10), p.Reason)
		}
		t.Flush()
		showDifferences(s, a)
	})
}

type rebuildCancelCmd struct {
	ID string `arg:"" help:"The rebuild's id."`
}

func (c *rebuildCancelCmd) Run(s *session) error {
	return call(s, "DELETE", "/v1/rebuilds/"+c.ID, nil, func(struct{}) { s.printf("rebuild %s is cancelled\n", c.ID) })
}
