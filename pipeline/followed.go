package pipeline

import (
	"fmt"
	"math/bits"

	"rollcall/bitmaps"
)

// followBatch is how many contacts are told together, about: those of a word
// are not divided.
const followBatch = 2000

// followed is what a follower has told of one partition.
type followed struct {
	replica *replica
	account string
	state   *state             // whose numbers told has; nil: nothing is told
	seq     uint64             // of the state when all of it was told
	whole   bool               // all of it was
	told    map[string]columns // recipients by segment, then piece
	left    map[uint32]string  // ids of those of them that were erased since
}

func (r *replica) followed(account string) *followed {
	f := &followed{replica: r, account: account, told: map[string]columns{}, left: map[uint32]string{}}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.followers[f] = true
	return f
}

func (r *replica) unfollow(f *followed) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.followers, f)
}

// leaving keeps the id of a contact that is erased, for those who were told of
// it and are still to be told that it left.
func (r *replica) leaving(account string, number uint32, contact string) {
	for f := range r.followers {
		if f.account == account && f.state == r.state && f.has(number) {
			f.left[number] = contact
		}
	}
}

// has tells whether a contact was told to be a recipient of some segment.
func (f *followed) has(number uint32) bool {
	for _, pieces := range f.told {
		if pieces.has(int(number/bitmaps.PieceSize), number%bitmaps.PieceSize) {
			return true
		}
	}
	return false
}

// look finds some of what changed since it was told, and notes it as told. It
// tells whether the state is another than the one that was told, and whether
// there may be more.
func (f *followed) look(segments []string) (changes []FollowUpdate, replaced, more bool, err error) {
	r := f.replica
	r.mu.RLock()
	defer r.mu.RUnlock()
	if f.state != r.state {
		replaced = f.state != nil
		if replaced {
			if changes, err = f.renumber(r.state); err != nil {
				return nil, true, false, err
			}
		}
		f.state, f.whole = r.state, false
	}
	if f.whole && f.seq == r.state.seq {
		return changes, replaced, false, nil
	}
	f.whole = false
	a := r.state.accounts[f.account]
	for _, id := range segments {
		n := news{f: f, account: a, change: FollowUpdate{Segment: id}}
		more, err := n.run()
		if n.change.Entered != nil || n.change.Exited != nil {
			changes = append(changes, n.change)
		}
		if err != nil || more {
			return changes, replaced, more, err
		}
	}
	f.whole, f.seq = true, r.state.seq
	clear(f.left)
	return changes, replaced, false, nil
}

// renumber moves what was told over to the numbers of another state. Whom that
// does not know has left.
func (f *followed) renumber(to *state) (changes []FollowUpdate, err error) {
	from, is := f.state.accounts[f.account], to.accounts[f.account]
	for id, pieces := range f.told {
		change := FollowUpdate{Segment: id}
		var moved columns
		for number := range pieces.numbers() {
			contact, err := f.name(from, number)
			if err != nil {
				return nil, err
			}
			if is != nil {
				if number, ok := is.contacts.lookup(contact); ok {
					moved.put(number, true)
					continue
				}
			}
			change.Exited = append(change.Exited, contact)
		}
		f.told[id] = moved
		if change.Exited != nil {
			changes = append(changes, change)
		}
	}
	clear(f.left)
	return changes, nil
}

// name is the id of a contact that was told, in the state in which it was. Of an
// account that was deleted there are none any more.
func (f *followed) name(a *account, number uint32) (string, error) {
	if contact, ok := f.left[number]; ok {
		return contact, nil
	}
	if a != nil {
		if contact := a.contacts.name(number); contact != "" {
			return contact, nil
		}
	}
	return "", fmt.Errorf("partition %d: a contact that was told is not known any more", f.replica.partition)
}

// news looks for what is other than what was told of a segment.
type news struct {
	f       *followed
	account *account // nil: there are none
	change  FollowUpdate
}

func (n *news) run() (more bool, err error) {
	told := n.f.told[n.change.Segment]
	defer func() { n.f.told[n.change.Segment] = told }()
	pieces := len(told)
	if n.account != nil {
		pieces = max(pieces, len(n.account.pieces))
	}
	for piece := range pieces {
		told.grow(piece)
		members, sendable := n.recipients(piece)
		for w := range max(len(told[piece].words), min(len(members.words), len(sendable.words))) {
			differ := told[piece].word(w) ^ members.word(w)&sendable.word(w)
			for ; differ != 0; differ &= differ - 1 {
				number := uint32(piece)*bitmaps.PieceSize + uint32(w*64+bits.TrailingZeros64(differ))
				if err := n.found(number, told); err != nil {
					return false, err
				}
			}
			if len(n.change.Entered)+len(n.change.Exited) >= followBatch {
				return true, nil
			}
		}
	}
	return false, nil
}

// recipients are the members of the segment in a piece, and who can be sent to there.
func (n *news) recipients(piece int) (members, sendable column) {
	if n.account == nil || piece >= len(n.account.pieces) {
		return column{}, column{}
	}
	p := n.account.pieces[piece]
	slot, ok := n.account.slots[n.change.Segment]
	if !ok || slot >= len(p.members) {
		return column{}, column{}
	}
	return p.members[slot], p.sendable
}

func (n *news) found(number uint32, told columns) error {
	contact, err := n.f.name(n.account, number)
	if err != nil {
		return err
	}
	if told.has(int(number/bitmaps.PieceSize), number%bitmaps.PieceSize) {
		told.put(number, false)
		n.change.Exited = append(n.change.Exited, contact)
	} else {
		told.put(number, true)
		n.change.Entered = append(n.change.Entered, contact)
	}
	return nil
}
