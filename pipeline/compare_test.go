package pipeline

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"

	"rollcall/bitmaps"
	"rollcall/consumers"
	"rollcall/pipeline/naive"
	"rollcall/pipeline/segment"
)

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

// compare holds everything there is against the naive way, when all is read.
func (h *harness) compare(accounts []naive.Account, want *naive.Result, processes ...*process) {
	h.t.Helper()
	for _, a := range accounts {
		for _, id := range sortedKeys(a.Segments) {
			expected := want.Members(a.ID, id)
			h.compareMembers("owner", h.members(a.ID, id), expected, want, a, id)
			for _, p := range processes {
				h.compareMembers("view", p.streamed(a.ID, id), expected, want, a, id)
				p.compareAnswers(a.ID, id, expected, want.Sendable(a.ID, id))
				p.comparePreview(a, id, want)
			}
		}
		for _, p := range processes {
			h.compareExplained(a, want, p)
			p.compareLists(a.ID, want)
			p.compareLabels(a.ID, want)
			p.compareReports(a, want)
			p.compareMenus(a.ID, want)
		}
	}
	h.compareOutcomes(want)
	h.compareReplays()
	h.comparePublished(accounts)
}

func (h *harness) compareMembers(who string, got, want []string, all *naive.Result, a naive.Account, id string) {
	h.t.Helper()
	if slices.Equal(got, want) {
		return
	}
	h.t.Errorf("%s: %s/%s %s\n got %v\nwant %v", who, a.ID, id, a.Segments[id].Text(), got, want)
	for _, c := range difference(got, want) {
		h.t.Log(all.Dump(a.ID, c))
	}
}

func difference(a, b []string) (out []string) {
	for _, s := range append(slices.Clone(a), b...) {
		if slices.Contains(a, s) != slices.Contains(b, s) {
			out = append(out, s)
		}
	}
	return out
}

// comparePublished holds what the published changes add up to against the members.
func (h *harness) comparePublished(accounts []naive.Account) {
	h.t.Helper()
	in := map[string]map[string]bool{} // by account/segment, then contact
	told := map[string]bool{}
	for p := range h.owners {
		for _, r := range h.log.of(consumers.TopicPartition{Topic: TopicSegmentChanges, Partition: int32(p)}) {
			var c Change
			h.must(json.Unmarshal(r.Value, &c))
			key := c.Account + "/" + c.Segment
			if told[c.ID] || h.deleted[key] {
				continue
			}
			told[c.ID] = true
			if in[key] == nil {
				in[key] = map[string]bool{}
			}
			if in[key][c.Contact] == (c.Change == "entered") {
				h.t.Errorf("%s: %s %s once more (%s), %s", key, c.Contact, c.Change, c.Cause, c.ID)
				for _, before := range h.log.of(r.TopicPartition)[:r.Offset] {
					if strings.Contains(string(before.Value), c.Contact) && strings.Contains(string(before.Value), c.Segment) {
						h.t.Logf("before: %d %s", before.Offset, before.Value)
					}
				}
			}
			in[key][c.Contact] = c.Change == "entered"
		}
	}
	for _, a := range accounts {
		for id := range a.Segments {
			key, got := a.ID+"/"+id, []string{}
			for contact, is := range in[key] {
				if is {
					got = append(got, contact)
				}
			}
			slices.Sort(got)
			if want := h.members(a.ID, id); !h.deleted[key] && !slices.Equal(got, want) {
				h.t.Errorf("%s: published changes add up to %v, members are %v", key, got, want)
			}
		}
	}
}

// streamed reads a segment as a send worker does.
func (p *process) streamed(account, id string) []string {
	ids, cursor := []string{}, ""
	for slice := 1; slice <= 2; slice++ {
		cursor = ""
		for again := true; again; {
			again = false
			q := StreamQuery{Slice: slice, Slices: 2, Cursor: cursor, Batch: 1}
			_, _, err := p.view.Stream(context.Background(), account, segment.Origin{Kind: segment.Segment, Name: id}, q,
				func(contacts []string, at string) error {
					ids, cursor = append(ids, contacts...), at
					if p.h.rng.IntN(3) == 0 {
						again = true
						return errors.New("cut off")
					}
					return nil
				})
			if !again {
				p.h.must(err)
			}
		}
	}
	slices.Sort(ids)
	return ids
}

// compareLists holds who is on marketing lists, and can be sent to, against the naive way.
func (p *process) compareLists(account string, want *naive.Result) {
	t := p.h.t
	t.Helper()
	for _, name := range []string{"news", "vip", "none"} {
		of, got := segment.Origin{Kind: segment.List, Name: name}, []string(nil)
		count, _, err := p.view.Stream(context.Background(), account, of, StreamQuery{SendableOnly: true}, func(contacts []string, _ string) error {
			got = append(got, contacts...)
			return nil
		})
		p.h.must(err)
		slices.Sort(got)
		expected := want.Matching(account, segment.Definition{From: of, Where: segment.All{segment.OptedIn{}, segment.ValidPhone{}}})
		if !slices.Equal(got, expected) || count != int64(len(expected)) {
			t.Errorf("%s/%v: %d recipients %v, want %v", account, of, count, got, expected)
		}
	}
}

// compareAnswers holds size and check against the naive members.
func (p *process) compareAnswers(account, id string, members, sendable []string) {
	t := p.h.t
	t.Helper()
	size := p.view.Size(account, id)
	if !size.Ready || size.Members != int64(len(members)) || size.Sendable != int64(len(sendable)) || size.Entered-size.Exited != size.Members {
		t.Errorf("%s/%s: size %+v, want %d members, %d sendable", account, id, size, len(members), len(sendable))
	}
	ask := append(slices.Clone(members), "nobody", "c1", "c2")
	answers, _, err := p.view.Check(context.Background(), account, id, ask)
	p.h.must(err)
	for i, a := range answers {
		if a.Member != slices.Contains(members, ask[i]) || a.Sendable != slices.Contains(sendable, ask[i]) {
			t.Errorf("%s/%s: check %+v", account, id, a)
		}
	}
}

// members reads a segment from the owners' memory.
func (h *harness) members(account, segment string) []string {
	ids := []string{}
	for p := range h.owners {
		ids = append(ids, h.owners[p].task(int32(p)).state.membersOf(account, segment)...)
	}
	slices.Sort(ids)
	return ids
}

func (s *state) membersOf(account, segment string) (ids []string) {
	a := s.accounts[account]
	if a == nil {
		return nil
	}
	slot, ok := a.slots[segment]
	for number, id := range a.contacts.all() {
		if piece, contact := a.at(number); ok && id != "" && piece.members.has(slot, contact) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

func (h *harness) compareOutcomes(want *naive.Result) {
	h.t.Helper()
	var got [bitmaps.Outcomes]int64
	reasons, consumed := map[string]int64{}, int64(0)
	for p := range h.owners {
		task := h.owners[p].task(int32(p))
		for o, n := range task.Outcomes() {
			got[o] += n
		}
		for code, n := range task.Reasons() {
			reasons[code] += n
		}
		for _, o := range task.checkpoint.Offsets {
			consumed += o.Next - o.First
		}
	}
	sum := int64(0)
	for _, n := range got {
		sum += n
	}
	if sum != consumed {
		h.t.Errorf("outcomes %v add up to %d, consumed were %d offsets", got, sum, consumed)
	}
	// A state that was made anew knows nothing of copies that are compacted away.
	forwarded, codes := h.copiesOutcomes((*memoryLog).of)
	mostForwarded, mostCodes := h.copiesOutcomes((*memoryLog).was)
	for _, o := range want.Outcomes {
		switch o.Verdict {
		case naive.DeadLettered:
			codes[string(o.Code)]++
			mostCodes[string(o.Code)]++
		case naive.Forwarded:
			forwarded++
			mostForwarded++
		}
	}
	for code := range mostCodes {
		reasons[code] += 0
	}
	for code, n := range reasons {
		if n < codes[code] || n > mostCodes[code] {
			h.t.Errorf("dead letters: got %v, want %v, at most %v", reasons, codes, mostCodes)
			break
		}
	}
	if n := got[bitmaps.Forwarded]; n < forwarded || n > mostForwarded {
		h.t.Errorf("forwarded: got %d, want %d to %d", n, forwarded, mostForwarded)
	}
}
