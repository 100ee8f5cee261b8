package main

import (
	"fmt"
	"strconv"
	"time"
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

type rebuildAnswer struct {
	ID          string    `json:"id"`
	TakeOver    bool      `json:"take_over"`
	StartedAt   time.Time `json:"started_at"`
	State       string    `json:"state"`
	Differences int64     `json:"differences"`
	Partitions  []struct {
		Partition   int    `json:"partition"`
		State       string `json:"state"`
		Reason      string `json:"reason"`
		Offsets     int64  `json:"offsets"`
		Of          int64  `json:"of"`
		Differences int64  `json:"differences"`
		Listed      []struct {
			Account string `json:"account"`
			Segment string `json:"segment"`
			Contact string `json:"contact"`
			Change  string `json:"change"`
		} `json:"listed"`
	} `json:"partitions"`
}

// rebuildLook is how often a rebuild that is followed is looked at.
const rebuildLook = time.Second

func (c *rebuildStartCmd) Run(s *session) error {
	var started rebuildAnswer
	take := func(a rebuildAnswer) { started = a }
	if err := call(s, "POST", "/v1/rebuilds", map[string]any{"take_over": !c.Compare}, take); err != nil {
		return err
	}
	if s.JSON {
		return nil
	}
	s.printf("rebuild %s was started; rollcall rebuild show %s tells how it stands\n", started.ID, started.ID)
	if c.Detach {
		return nil
	}
	return followRebuild(s, started.ID)
}

// followRebuild tells how a rebuild gets on until it is over.
func followRebuild(s *session, id string) error {
	told := ""
	for {
		var a rebuildAnswer
		if err := call(s, "GET", "/v1/rebuilds/"+id, nil, func(got rebuildAnswer) { a = got }); err != nil {
			return err
		}
		if line := rebuildLine(a); line != told {
			s.printf("%s\n", line)
			told = line
		}
		if a.State != "running" {
			showDifferences(s, a)
			if a.State != "done" {
				return fmt.Errorf("rebuild %s: %s", id, a.State)
			}
			return nil
		}
		select {
		case <-s.ctx.Done():
			return s.ctx.Err()
		case <-time.After(rebuildLook):
		}
	}
}

func rebuildLine(a rebuildAnswer) string {
	done, offsets, of := 0, int64(0), int64(0)
	for _, p := range a.Partitions {
		if p.State == "replaced" || p.State == "compared" {
			done++
		}
		offsets, of = offsets+p.Offsets, of+p.Of
	}
	return fmt.Sprintf("%s: %d of %d partitions, %d offsets read, %d memberships differ", a.State, done, len(a.Partitions), offsets, a.Differences)
}

func showDifferences(s *session, a rebuildAnswer) {
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
	return call(s, "GET", "/v1/rebuilds", nil, func(a struct{ Rebuilds []rebuildAnswer }) {
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
	return call(s, "GET", "/v1/rebuilds/"+c.ID, nil, func(a rebuildAnswer) {
		s.printf("%s\n", rebuildLine(a))
		t := newTable(s, "PARTITION", "STATE", "READ", "OF", "DIFFER", "REASON")
		for _, p := range a.Partitions {
			t.row(strconv.Itoa(p.Partition), p.State, strconv.FormatInt(p.Offsets, 10), strconv.FormatInt(p.Of, 10),
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
