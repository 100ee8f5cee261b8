package pipeline

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"rollcall/bitmaps"
	"rollcall/pipeline/segment"
)

// ListSize is a list that records have named.
type ListSize struct {
	Kind string `json:"kind" enum:"marketing,form,webinar"`
	ID   string `json:"id"`
	Name string `json:"name" doc:"what it is called, else its id"`
	Size int64  `json:"size" doc:"how many contacts are on it now"`
}

// SentMessage is a message that records have named.
type SentMessage struct {
	ID        string `json:"id"`
	Name      string `json:"name" doc:"what it is called, else its id"`
	FirstSent string `json:"first_sent,omitempty" doc:"the first day on which it was sent, of the kept days; absent: it was not"`
	Sent      int64  `json:"sent" doc:"how often it was sent, on the kept days"`
}

// menu is what partitions know of lists, or of messages, by id.
type menu struct {
	title bitmaps.Title
	first segment.Date // 0: none
	count int64
}

type menus[K comparable] map[K]*menu

// of is the entry of a list or a message, begun if need be.
func (m menus[K]) of(key K, title bitmaps.Title) *menu {
	e := m[key]
	if e == nil {
		e = &menu{}
		m[key] = e
	}
	e.title = laterOf(e.title, title)
	return e
}

// laterOf is the title that decides, of two partitions'.
func laterOf(a, b bitmaps.Title) bitmaps.Title {
	if a.Text == "" || b.Text != "" && cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Text, b.Text)) < 0 {
		return b
	}
	return a
}

// namedList is a list as a numbering has it.
type namedList struct {
	kind segment.Kind
	name string
}

func listOf(key string) namedList { return namedList{segment.Kind(key[0] - listPrefix(0)), key[1:]} }

// Lists are all lists, by name, with how many contacts are on each.
func (v *View) Lists(account string) []ListSize {
	all := menus[namedList]{}
	for _, r := range v.replicas {
		r.addLists(all, account)
	}
	lists := []ListSize{}
	for of, e := range all {
		lists = append(lists, ListSize{kindNames[of.kind], of.name, cmp.Or(e.title.Text, of.name), e.count})
	}
	slices.SortFunc(lists, func(a, b ListSize) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Kind, b.Kind))
	})
	return lists
}

// kindNames are the kinds of lists as records have them.
var kindNames = func() map[segment.Kind]string {
	names := map[segment.Kind]string{}
	for name, kind := range listKinds {
		names[kind] = name
	}
	return names
}()

func (r *replica) addLists(all menus[namedList], account string) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	a := r.state.accounts[account]
	if a == nil {
		return
	}
	for number, key := range a.lists.all() {
		if key != "" {
			all.of(listOf(key), a.listTitles.at(number))
		}
	}
	for _, p := range a.pieces {
		counting := p.counting("")
		for number, l := range p.lists {
			if key := a.lists.name(number); key != "" {
				all[listOf(key)].count += int64(l.members.AndCardinality(counting))
			}
		}
	}
}

// Messages are all messages, the newest first, with how often each was sent.
func (v *View) Messages(ctx context.Context, account string) ([]SentMessage, error) {
	def := v.Catalog.Account(account)
	if def == nil {
		return nil, ErrUnavailable
	}
	oldest := v.today(def) - segment.Date(def.RetentionDays)
	all := menus[string]{}
	for _, r := range v.replicas {
		var found menus[string]
		err := r.retrying(ctx, func() (err error) {
			found, err = r.sentMessages(ctx, account, oldest)
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("%w: %v", ErrUnavailable, err)
		}
		for id, e := range found {
			all.of(id, e.title).sentOn(e.first, e.count)
		}
	}
	messages := []SentMessage{}
	for id, e := range all {
		messages = append(messages, SentMessage{id, cmp.Or(e.title.Text, id), e.firstDay(), e.count})
	}
	slices.SortFunc(messages, func(a, b SentMessage) int {
		return cmp.Or(cmp.Compare(b.FirstSent, a.FirstSent), cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	return messages, nil
}

// sentMessages are the messages of one partition, with what was sent since a day.
func (r *replica) sentMessages(ctx context.Context, account string, oldest segment.Date) (menus[string], error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	found := menus[string]{}
	a := r.state.accounts[account]
	if a == nil {
		return found, nil
	}
	for number, id := range a.messages.all() {
		found.of(id, a.messageTitles.at(number))
	}
	for _, p := range a.pieces {
		events := &previewEvents{ctx: ctx, replica: r, piece: p}
		for day := range p.days[sentSeries] {
			if day < oldest {
				continue
			}
			counts, err := events.sent(day)
			if err != nil {
				return nil, err
			}
			for _, c := range counts {
				found.of(a.messages.name(c.Message), bitmaps.Title{}).sentOn(day, int64(c.Events))
			}
		}
	}
	delete(found, "") // numbers without a name
	return found, nil
}

// sentOn counts what was sent since a day; 0 is no day.
func (e *menu) sentOn(day segment.Date, n int64) {
	if n == 0 {
		return
	}
	e.count += n
	if e.first == 0 || day < e.first {
		e.first = day
	}
}

func (e *menu) firstDay() string {
	if e.count == 0 {
		return ""
	}
	return e.first.String()
}
