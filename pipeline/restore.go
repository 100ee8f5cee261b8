package pipeline

import (
	"context"
	"errors"
	"fmt"

	"rollcall/bitmaps"
)

// errBehind says that the changelog lacks what a reader has not read: it was
// trimmed or replaced meanwhile or, for the only writer, it is damaged.
var errBehind = errors.New("the changelog lacks entries")

const changelogPage = 1000 // entries read at once

// restore reads a partition: its changelog first, then its fragments, then what
// was committed meanwhile. Fragments hold all that the changelog no longer
// says, and applying an entry to a fragment that has it does no harm, so the
// order makes the result the state after the last entry. It gives where the
// state stands then. The error is ErrDamaged if something is missing or can't
// be read, and errBehind if the state was replaced meanwhile.
func (s *state) restore(ctx context.Context, store *bitmaps.Store, partition int32, pattern string) (at bitmaps.Head, err error) {
	at, err = store.Head(ctx, partition)
	if err != nil {
		return at, err
	}
	s.readAt = at.Seq
	entries, err := changelog(ctx, store, partition, 0)
	if err != nil {
		return at, err
	}
	first := at.Checkpoint.Changelog
	if first != 0 && first <= at.Seq && (len(entries) == 0 || entries[0].Seq > first) {
		return at, fmt.Errorf("%w: entry %d is needed", errBehind, first)
	}
	if err := s.readFragments(ctx, store, partition, pattern); err != nil {
		return at, err
	}
	from := at.Seq + 1
	if len(entries) > 0 {
		from = entries[len(entries)-1].Seq + 1
	}
	later, err := changelog(ctx, store, partition, from)
	if err != nil {
		return at, err
	}
	for i, e := range append(entries, later...) {
		if i > 0 && e.Seq != s.seq+1 {
			return at, fmt.Errorf("%w: entry %d follows %d", errBehind, e.Seq, s.seq)
		}
		if err := s.redo(&e, &at); err != nil {
			return at, fmt.Errorf("changelog of partition %d, entry %d: %w", partition, e.Seq, err)
		}
	}
	if s.seq > 0 && s.seq < at.Seq {
		return at, fmt.Errorf("%w: it ends at %d, the head says %d", errBehind, s.seq, at.Seq)
	}
	at.Seq = max(at.Seq, s.seq)
	s.seq = at.Seq
	return at, nil
}

func (s *state) readFragments(ctx context.Context, store *bitmaps.Store, partition int32, pattern string) error {
	accounts, err := store.Accounts(ctx, partition)
	if err != nil {
		return err
	}
	for _, id := range accounts {
		a := s.restored(id)
		if err := store.Fragments(ctx, partition, id, pattern, a.read); err != nil {
			return err
		}
	}
	return store.Audit(ctx, partition, accounts)
}

// redo applies an entry, and moves at to where it stands if it is later. What
// was written after at was read must have been written on top of it.
func (s *state) redo(e *bitmaps.Entry, at *bitmaps.Head) error {
	later := e.Seq > at.Seq
	s.seq = e.Seq
	if e.Seq > at.Seq+1 {
		return fmt.Errorf("%w: entry %d follows %d", errBehind, e.Seq, at.Seq)
	}
	if e.Nonce != "" {
		if later && e.Before != at.Nonce {
			return errBehind
		}
		if later {
			at.Nonce, at.Seq = e.Nonce, e.Seq
		}
		return nil
	}
	if later && e.Checkpoint.Writer != at.Nonce {
		return errBehind
	}
	if later {
		at.Seq, at.Checkpoint = e.Seq, e.Checkpoint
	} else if at.Checkpoint.Writer == "" {
		return fmt.Errorf("%w: a commit, and no checkpoint", bitmaps.ErrDamaged)
	}
	return s.apply(e)
}

// changelog reads all entries from seq on.
func changelog(ctx context.Context, store *bitmaps.Store, partition int32, seq uint64) ([]bitmaps.Entry, error) {
	var all []bitmaps.Entry
	for {
		page, err := store.Changelog(ctx, partition, seq, changelogPage, 0)
		if err != nil {
			return nil, err
		}
		all = append(all, page...)
		if len(page) < changelogPage {
			return all, nil
		}
		seq = page[len(page)-1].Seq + 1
	}
}
