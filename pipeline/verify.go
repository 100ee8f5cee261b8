package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"rollcall/bitmaps"
	"rollcall/consumers"
)

// Verifier recomputes from the log, with package naive, what should be in
// Redis, and names what is not so. It reads one partition after the other, while
// their owners go on, and writes nothing.
type Verifier struct {
	Partitions int32
	Store      *bitmaps.Store
	Log        LogReader
	Watermarks func(context.Context, []consumers.TopicPartition) (map[consumers.TopicPartition]consumers.Watermark, error)
	Now        func() time.Time
	Limits     VerifyLimits
}

// VerifyLimits are sizes that bound what a Verifier holds and tells. Zero values
// mean the defaults.
type VerifyLimits struct {
	Records     int64         // of which the naive way knows at once: of more, the log is read several times; default 2 Mi
	Differences int           // of one kind that are told one by one, the others are counted; default 20
	Wait        time.Duration // before a state is read again that is just coming about; default 300 ms
}

func (l VerifyLimits) withDefaults() VerifyLimits {
	return VerifyLimits{Records: cmp.Or(l.Records, 2<<20), Differences: cmp.Or(l.Differences, 20), Wait: cmp.Or(l.Wait, 300*time.Millisecond)}
}

// VerifyQuery says what to verify. The zero VerifyQuery is for everything.
type VerifyQuery struct {
	Account    string   `json:"account,omitempty" doc:"only this account"`
	Segment    string   `json:"segment,omitempty" doc:"only who is in this segment of the account"`
	Contacts   []string `json:"contacts,omitempty" maxItems:"10000" doc:"only these contacts of the account"`
	Sample     int      `json:"sample,omitempty" minimum:"0" doc:"only about so many contacts, chosen at random anew each time"`
	Partitions []int32  `json:"partitions,omitempty" doc:"only these"`
}

// VerifyLine is one line of what is told of a verification: one of its fields.
type VerifyLine struct {
	Difference *VerifyDifference `json:"difference,omitempty"`
	Progress   *VerifyProgress   `json:"progress,omitempty"`
	End        *VerifyEnd        `json:"end,omitempty"`
}

// VerifyDifference is something in Redis that is not what the log says.
type VerifyDifference struct {
	Kind      string `json:"kind" doc:"such as member, consent, event, dictionary, size, checkpoint, damaged"`
	Partition int32  `json:"partition"`
	Position  string `json:"position,omitempty" doc:"of the state that was looked at, as in the status"`
	Account   string `json:"account,omitempty"`
	Contact   string `json:"contact,omitempty"`
	What      string `json:"what,omitempty" doc:"such as the segment, the list or the day"`
	Got       string `json:"got,omitempty" doc:"what Redis says"`
	Want      string `json:"want,omitempty" doc:"what the log says"`
	More      int64  `json:"more,omitempty" doc:"so many more of this kind; nothing else is told of them"`
}

// VerifyProgress is told now and then, and after each partition.
type VerifyProgress struct {
	Partition int32 `json:"partition"`
	Records   int64 `json:"records" doc:"read so far, of all partitions"`
	Accounts  int64 `json:"accounts" doc:"compared so far, in all partitions"`
}

// VerifyEnd is told last: a verification without it was cut off.
type VerifyEnd struct {
	Partitions  int      `json:"partitions"`
	Records     int64    `json:"records" doc:"read from the log"`
	Contacts    int64    `json:"contacts" doc:"compared"`
	Memberships int64    `json:"memberships" doc:"that the log says there are"`
	Differences int64    `json:"differences"`
	Position    string   `json:"position" doc:"of each partition, as it was looked at"`
	Notes       []string `json:"notes,omitempty" doc:"what could not be looked at, and what differences may come from"`
}

// verification is a Verifier at work.
type verification struct {
	Verifier
	VerifyQuery
	tell  func(VerifyLine) error
	end   VerifyEnd
	seed  maphash.Seed
	count map[string]int64 // differences by kind
	done  VerifyProgress
	told  error // what tell returned
}

// Verify tells of every difference, and last of the end. The error says why it
// could not go on.
func (v Verifier) Verify(ctx context.Context, q VerifyQuery, tell func(VerifyLine) error) error {
	v.Limits = v.Limits.withDefaults()
	run := &verification{Verifier: v, VerifyQuery: q, tell: tell, seed: maphash.MakeSeed(), count: map[string]int64{}}
	for p := range v.Partitions {
		if !run.has(p) {
			continue
		}
		if err := run.verify(ctx, p); err != nil {
			return fmt.Errorf("verify partition %d: %w", p, err)
		}
	}
	return run.finish()
}

// has tells whether the query is about a partition.
func (v *verification) has(p int32) bool {
	if len(v.VerifyQuery.Partitions) > 0 && !slices.Contains(v.VerifyQuery.Partitions, p) {
		return false
	}
	return len(v.Contacts) == 0 || slices.ContainsFunc(v.Contacts, func(c string) bool {
		return consumers.Partition([]byte(v.Account+"/"+c), int(v.Verifier.Partitions)) == p
	})
}

// whole tells whether all contacts are compared, of the accounts that are.
func (v *verification) whole() bool { return len(v.Contacts) == 0 && v.Sample == 0 }

// everything tells whether nothing is left out.
func (v *verification) everything() bool { return v.whole() && v.Account == "" }

// verifyTries bounds how often a state is read that is replaced meanwhile.
const verifyTries = 10

// verify verifies one partition, at the position at which it is read.
func (v *verification) verify(ctx context.Context, p int32) error {
	s, err := v.readState(ctx, p)
	if other, ok := errors.AsType[*bitmaps.FormatError](err); ok {
		v.differ(VerifyDifference{Kind: "format", Partition: p, Got: other.Error()})
		return v.told
	}
	if errors.Is(err, bitmaps.ErrDamaged) || errors.Is(err, errBehind) {
		v.differ(VerifyDifference{Kind: "damaged", Partition: p, Got: err.Error()})
		return v.told
	}
	if err != nil {
		return err
	}
	v.arrive(s)
	if err := v.head(ctx, s); err != nil {
		return err
	}
	passes := uint64(1 + s.consumed()/v.Limits.Records)
	sample := v.share(s)
	c := newComparison(v, s)
	for pass := range passes {
		keep := func(key []byte) bool {
			h := maphash.Bytes(v.seed, key)
			return h%passes == pass && h/passes <= sample/passes && v.wants(key)
		}
		if err := c.pass(ctx, keep); err != nil {
			return err
		}
	}
	c.finish()
	v.done.Partition = p
	v.report()
	return v.told
}

// readState reads a partition's state and what is defined of its accounts.
func (v *verification) readState(ctx context.Context, p int32) (*stored, error) {
	return readSettled(ctx, v.Store, v.Log, p, v.Account, v.Limits.Wait)
}

// readSettled reads a partition's state and what is defined of its accounts, again
// after a wait if it is replaced or composed meanwhile.
func readSettled(ctx context.Context, store *bitmaps.Store, log LogReader, p int32, account string, wait time.Duration) (s *stored, err error) {
	for try := 1; ; try++ {
		s, err = readStored(ctx, store, p, account)
		if err == nil {
			err = s.define(ctx, log)
		}
		settled := err == nil && s.settled()
		if settled || err != nil && !errors.Is(err, errBehind) || try == verifyTries {
			return s, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(wait):
		}
	}
}

// share is the greatest hash of a contact that is in the sample.
func (v *verification) share(s *stored) uint64 {
	contacts := s.contacts()
	wanted := float64(v.Sample) / float64(v.Verifier.Partitions)
	if v.Sample == 0 || wanted >= float64(contacts) {
		return math.MaxUint64
	}
	return uint64(wanted / float64(contacts) * math.MaxUint64)
}

// wants tells whether the query is about a contact, by its key.
func (v *verification) wants(key []byte) bool {
	if v.Account == "" {
		return true
	}
	account, contact, _ := strings.Cut(string(key), "/")
	return account == v.Account && (len(v.Contacts) == 0 || slices.Contains(v.Contacts, contact))
}

// arrive notes where a partition is looked at.
func (v *verification) arrive(s *stored) {
	v.end.Partitions++
	if v.end.Position != "" {
		v.end.Position += "-"
	}
	v.end.Position += s.position()
}

func (v *verification) note(format string, args ...any) {
	v.end.Notes = append(v.end.Notes, fmt.Sprintf(format, args...))
}

// differ tells of a difference, unless there were many of its kind.
func (v *verification) differ(d VerifyDifference) {
	v.end.Differences++
	v.count[d.Kind]++
	if v.count[d.Kind] <= int64(v.Limits.Differences) {
		v.say(VerifyLine{Difference: &d})
	}
}

func (v *verification) report() {
	done := v.done
	v.say(VerifyLine{Progress: &done})
}

func (v *verification) say(l VerifyLine) {
	if v.told == nil {
		v.told = v.tell(l)
	}
}

func (v *verification) finish() error {
	for _, kind := range slices.Sorted(maps.Keys(v.count)) {
		if more := v.count[kind] - int64(v.Limits.Differences); more > 0 {
			v.say(VerifyLine{Difference: &VerifyDifference{Kind: kind, More: more}})
		}
	}
	v.end.Records = v.done.Records
	slices.Sort(v.end.Notes)
	v.end.Notes = slices.Compact(v.end.Notes)
	v.say(VerifyLine{End: &v.end})
	return v.told
}
