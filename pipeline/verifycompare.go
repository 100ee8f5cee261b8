package pipeline

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"rollcall/pipeline/catalog"
	"rollcall/pipeline/naive"
)

// comparison holds a partition's state against what the log says of it.
type comparison struct {
	*verification
	*stored
	told     *told
	read     int64
	early    int64
	retried  bool
	outcomes map[naive.Verdict]int64
	accounts map[string]*accountComparison
}

// accountComparison is what of an account is compared when all its contacts were.
type accountComparison struct {
	*comparison
	id       string
	account  *account // as stored; an empty one if there is none
	def      *catalog.Account
	standing standing
	rows     []eventRow
	sizes    map[string]*[2]int64         // of each segment, as the log says: members, sendable
	erasures map[[16]byte]int64           // as the log says
	titles   map[naive.Titled]naive.Title // likewise
}

func newComparison(v *verification, s *stored) *comparison {
	return &comparison{verification: v, stored: s, outcomes: map[naive.Verdict]int64{}, accounts: map[string]*accountComparison{}}
}

// pass compares the contacts that keep keeps by their keys.
func (c *comparison) pass(ctx context.Context, keep func(key []byte) bool) (err error) {
	if c.told, err = c.tellNaive(ctx, c.stored, keep); err != nil {
		return err
	}
	c.read, c.retried = c.told.read, c.told.retried
	c.early += c.told.early
	for verdict, n := range c.told.outcomes {
		c.outcomes[verdict] += n
	}
	for _, id := range c.accountIDs() {
		a := c.accounts[id]
		if a == nil {
			a = c.begin(id)
			c.accounts[id] = a
		}
		a.pass(keep)
		if c.verification.told != nil || ctx.Err() != nil {
			return cmp.Or(c.verification.told, ctx.Err())
		}
	}
	return nil
}

// accountIDs are the accounts to compare: those that are stored, and those that
// are defined.
func (c *comparison) accountIDs() []string {
	ids := slices.Collect(maps.Keys(c.state.accounts))
	for _, def := range c.newest.Accounts() {
		ids = append(ids, def.ID)
	}
	ids = slices.DeleteFunc(ids, func(id string) bool { return c.verification.Account != "" && id != c.verification.Account })
	slices.Sort(ids)
	return slices.Compact(ids)
}

func (c *comparison) begin(id string) *accountComparison {
	a := c.state.accounts[id]
	if a == nil {
		a = newAccount(c.state, id)
	}
	return &accountComparison{comparison: c, id: id, account: a, rows: a.eventRows(), sizes: map[string]*[2]int64{}, erasures: map[[16]byte]int64{},
		titles: map[naive.Titled]naive.Title{}}
}

// definition is an account as defined when one of its pieces was composed, or now.
func (s *stored) definition(id string) *catalog.Account {
	if a := s.state.accounts[id]; a != nil {
		for _, st := range slices.Backward(a.standings()) {
			if def := s.defined[defined{id, st.version}]; def != nil {
				return def
			}
		}
	}
	return s.newest.Account(id)
}

// pass compares contacts of the account with what the log says as of the day and
// the definitions that their pieces stand for.
func (a *accountComparison) pass(keep func(key []byte) bool) {
	standings := a.account.standings()
	if len(standings) == 0 {
		standings = append(standings, standing{version: a.newest.Offset()})
	}
	for i, st := range standings {
		if !a.settle(st) {
			a.differ("account", "", "", "stored", "not defined")
			return
		}
		last := i == len(standings)-1
		for _, id := range a.contactIDs(keep) {
			number, known := a.account.contacts.lookup(id)
			at := st
			if known {
				p, _ := a.account.at(number)
				at = standing{p.today, p.version}
			}
			if known && at == st || !known && last {
				a.contact(id, number, known)
			}
		}
	}
}

// settle has the naive way say what is true on a day, with definitions of then.
func (a *accountComparison) settle(st standing) bool {
	a.def, a.standing = a.defined[defined{a.id, st.version}], st
	if a.def == nil {
		a.def = a.definition(a.id)
	}
	if a.def == nil {
		return false
	}
	// Without pieces nothing says on which day records were taken: what leaves
	// within a day may never have been kept.
	now := a.Now().AddDate(0, 0, 1)
	if st.today != 0 {
		y, m, d := time.UnixMilli(int64(st.today) * dayMS).UTC().Date()
		now = time.Date(y, m, d, 12, 0, 0, 0, a.def.Zone)
	}
	a.told.Settle(plainAccount(a.def), now)
	return true
}

// contactIDs are the contacts to compare: those that have a number, and those
// that the log says something of.
func (a *accountComparison) contactIDs(keep func(key []byte) bool) []string {
	ids := a.told.Said(a.id)
	for _, id := range a.account.contacts.all() {
		if id != "" {
			ids = append(ids, id)
		}
	}
	ids = slices.DeleteFunc(ids, func(id string) bool { return !keep([]byte(a.id + "/" + id)) })
	slices.Sort(ids)
	return slices.Compact(ids)
}

func (a *accountComparison) differ(kind, contact, what, got, want string) {
	a.verification.differ(VerifyDifference{
		Kind: kind, Partition: a.partition, Position: a.position(), Account: a.id, Contact: contact, What: what, Got: got, Want: want,
	})
}

// contact compares all that is known of a contact.
func (a *accountComparison) contact(id string, number uint32, known bool) {
	want := a.told.Known(a.id, id)
	a.end.Contacts++
	for _, seg := range a.def.Segments {
		a.member(id, seg.ID, number, known, &want)
	}
	if want.Erased {
		a.erasures[a.state.erasureHash([]byte(a.id), []byte(id))] = want.ErasedUntil
	}
	for of, title := range want.Titles {
		a.titles[of] = laterTitle(a.titles[of], title)
	}
	switch {
	case a.Segment != "":
	case known:
		if !want.Remains {
			a.differ("contact", id, "", "has a number", "nothing is known of it")
		}
		a.facts(id, number, &want)
		a.registers(id, number, &want)
		a.lists(id, number, &want)
		a.events(id, number, &want)
	case want.RemainsNow:
		a.differ("contact", id, "", "has no number", "something is known of it")
	}
}

// member compares a membership.
func (a *accountComparison) member(id, seg string, number uint32, known bool, k *naive.Known) {
	want := a.told.Member(a.id, seg, id)
	if want {
		size := a.size(seg)
		size[0]++
		if k.ValidPhone && k.OptedIn {
			size[1]++
		}
		a.end.Memberships++
	}
	slot, defined := a.account.slots[seg]
	got := false
	if known && defined {
		p, contact := a.account.at(number)
		got = p.members.has(slot, contact)
	}
	if got != want && (a.Segment == "" || a.Segment == seg) {
		a.differ("member", id, seg, membershipWord(got), membershipWord(want))
	}
}

func (a *accountComparison) size(seg string) *[2]int64 {
	size := a.sizes[seg]
	if size == nil {
		size = &[2]int64{}
		a.sizes[seg] = size
	}
	return size
}

func membershipWord(member bool) string {
	if member {
		return "member"
	}
	return "not a member"
}

// finish compares what is of all contacts together.
func (c *comparison) finish() {
	for _, id := range slices.Sorted(maps.Keys(c.accounts)) {
		a := c.accounts[id]
		c.done.Accounts++
		if a.def == nil || !c.whole() {
			continue
		}
		a.compareSizes()
		if c.Segment == "" {
			a.dictionary()
			a.compareErasures()
			a.compareTitles()
			a.compareCounts()
		}
	}
	if c.everything() && c.lettersTellAll() {
		c.verification.outcomes(c.stored, c.read, c.outcomes)
	}
}

// lettersTellAll tells whether the dead letters still say which records were
// refused that would not be now: none was retried, or taken out since.
func (c *comparison) lettersTellAll() bool {
	return !c.retried && c.early == c.stored.at.Checkpoint.Reasons[string(UnknownAccount)]
}
