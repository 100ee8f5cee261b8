package pipeline

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/bits"
	"strconv"
	"strings"
	"time"

	"rollcall/bitmaps"
	"rollcall/consumers"
	"rollcall/pipeline/catalog"
	"rollcall/pipeline/segment"
)

const (
	freezeTime  = catalog.SnapshotTime / 2 // for taking one; the rest is for clocks that differ
	farewell    = 5 * time.Second          // for saying that it failed
	freezeBytes = 1 << 20                  // of chunks that are written at once, about
)

// frozenPart is the recipients of one partition, at one state of it.
type frozenPart struct {
	contacts []string
	returned map[int]int64 // when those had been erased that had come back, by index
}

// Freeze writes the recipients of a segment down, as they are now. settle says
// whether that may be done in spite of how fresh they are; Freeze fails with what
// it returns. A snapshot that could not be written whole is told as failed.
func (s *Snapshots) Freeze(ctx context.Context, account, seg, name string, settle func(Freshness) error) (*catalog.Snapshot, Freshness, error) {
	ctx, cancel := context.WithTimeout(ctx, freezeTime)
	defer cancel()
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return nil, Freshness{}, ctx.Err()
	}
	start := catalog.StartSnapshot{Account: account, Segment: seg, Name: name}
	parts, f, err := s.view.recipients(&start)
	if err == nil {
		err = settle(f)
	}
	if err == nil && start.Frozen > s.most {
		err = ErrTooManyFrozen
	}
	if err != nil {
		return nil, f, err
	}
	id, err := s.definitions.Put(ctx, start)
	if refusal, ok := errors.AsType[*catalog.Refusal](err); ok && refusal.Kind == catalog.VersionMismatch {
		err = ErrNotComposed
	}
	if err != nil {
		return nil, f, err
	}
	if err := s.write(ctx, account, id, parts); err != nil {
		return nil, f, err
	}
	snapshot := s.view.Catalog.Snapshot(account, id)
	if snapshot == nil {
		err = ErrSnapshotGone
	}
	return snapshot, f, err
}

// write writes the chunks and that all are written, or else that they could not be.
func (s *Snapshots) write(ctx context.Context, account string, id int64, parts []frozenPart) error {
	err := s.writeParts(ctx, account, id, parts)
	if err == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewell)
	defer cancel()
	// If this is lost too, it has failed when its time is over; and it is refused
	// if the end was written, and only the answer lost.
	_, failed := s.definitions.Put(ctx, catalog.EndSnapshot{Account: account, Snapshot: id, Failure: "it could not be written"})
	return errors.Join(fmt.Errorf("snapshot %d: %w", id, err), failed)
}

func (s *Snapshots) writeParts(ctx context.Context, account string, id int64, parts []frozenPart) error {
	end := catalog.EndSnapshot{Account: account, Snapshot: id}
	for p := range parts {
		written, err := s.writePart(ctx, chunkKey{account: account, snapshot: id}, int32(p), &parts[p])
		if err != nil {
			return fmt.Errorf("partition %d: %w", p, err)
		}
		end.Parts = append(end.Parts, written)
	}
	_, err := s.definitions.Put(ctx, end)
	return err
}

func (s *Snapshots) writePart(ctx context.Context, k chunkKey, partition int32, f *frozenPart) (written catalog.SnapshotPart, err error) {
	written.Frozen = int64(len(f.contacts))
	var messages []consumers.Message
	size := 0
	chunks := f.chunks(s.chunk)
	for i := range chunks {
		k.chunk = i
		m, err := chunks[i].message(k, partition)
		if err != nil {
			return written, err
		}
		messages, size = append(messages, m), size+len(m.Value)
		if size < freezeBytes && i < len(chunks)-1 {
			continue
		}
		offsets, err := s.log.Write(ctx, messages)
		if err != nil {
			return written, err
		}
		if written.Chunks == 0 {
			written.First = offsets[0]
		}
		written.Chunks, messages, size = i+1, messages[:0], 0
	}
	return written, nil
}

// recipients are the sendable members of a segment, of one state of each
// partition. It says what they are of in start. How fresh they are is what can
// be said of it both before and after: fresh as of a moment before, and nothing
// that was read had gone back since.
func (v *View) recipients(start *catalog.StartSnapshot) ([]frozenPart, Freshness, error) {
	before := v.Freshness(start.Account)
	def := v.Catalog.Account(start.Account)
	if def == nil || def.Segment(start.Segment) == nil {
		return nil, before, ErrNotComposed
	}
	start.Defined = def.Version
	parts := make([]frozenPart, len(v.replicas))
	day, sameDay := v.today(def), true
	var position strings.Builder
	for p, r := range v.replicas {
		found, ok := r.recipients(def, start.Segment, day)
		if found == nil {
			return nil, before, ErrNotComposed
		}
		sameDay = sameDay && ok
		if p > 0 {
			position.WriteByte('-')
		}
		position.WriteString(found.position)
		start.Frozen += int64(len(found.contacts))
		parts[p] = frozenPart{found.contacts, v.returned(start.Account, found)}
	}
	start.Position = position.String()
	after := v.sameDay(start.Account, day, sameDay)
	f := Freshness{Fresh: before.Fresh && after.Fresh, AsOf: before.AsOf, Position: start.Position, Missing: before.Missing}
	if before.Fresh {
		f.Missing = after.Missing
	}
	return parts, f, nil
}

// foundRecipients is what one state of a partition says.
type foundRecipients struct {
	contacts []string
	erasures map[[16]byte]int64
	position string
}

// recipients finds them in the state as it is; nil if that is not composed for
// the account as defined. sameDay is whether all of it is of that day.
func (r *replica) recipients(def *catalog.Account, seg string, day segment.Date) (f *foundRecipients, sameDay bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.checkpoint.Definitions <= def.Version {
		return nil, false
	}
	f = &foundRecipients{position: r.nonce[:min(8, len(r.nonce))] + "." + strconv.FormatUint(r.state.seq, 10)}
	a := r.state.accounts[def.ID]
	if a == nil {
		return f, true
	}
	f.erasures = maps.Clone(a.erasures)
	if slot, ok := a.slots[seg]; ok {
		for _, p := range a.pieces {
			f.contacts = p.appendSendable(f.contacts, slot)
		}
	}
	return f, a.isOn(day)
}

// appendSendable appends the ids of a segment's sendable members.
func (p *piece) appendSendable(ids []string, slot int) []string {
	if slot >= len(p.members) {
		return ids
	}
	for i, word := range p.members[slot].words[:min(len(p.members[slot].words), len(p.sendable.words))] {
		for word &= p.sendable.words[i]; word != 0; word &= word - 1 {
			number := p.number*bitmaps.PieceSize + uint32(i*64+bits.TrailingZeros64(word))
			if id := p.account.contacts.name(number); id != "" {
				ids = append(ids, id)
			}
		}
	}
	return ids
}

// returned says which of the recipients had been erased and came back, and when
// they were erased.
func (v *View) returned(account string, f *foundRecipients) (returned map[int]int64) {
	if len(f.erasures) == 0 {
		return nil
	}
	hasher := newErasureHasher(v.Catalog.ErasureKey())
	for i, id := range f.contacts {
		if at := f.erasures[hasher.of([]byte(account), []byte(id))]; at > 0 {
			if returned == nil {
				returned = map[int]int64{}
			}
			returned[i] = at
		}
	}
	return returned
}
