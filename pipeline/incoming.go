package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"

	"rollcall/bitmaps"
	"rollcall/pipeline/portable"
)

// incoming is a partition of an export that is being put together in Redis,
// beside the live state. It holds what is known of one account's contacts and who
// they are on each day, and writes the rest as it comes.
type incoming struct {
	held *bitmaps.Partition
	// standings has the accounts and what their pieces stand for, and nothing else.
	standings *state

	id        string // of the account, empty: none began
	meta      bitmaps.AccountMeta
	messages  []string
	lists     []string
	reasons   []string
	titles    map[bitmaps.Kind]*titles
	contacts  []string
	registers []bitmaps.Register
	listed    map[bitmaps.Field][]bitmaps.ListRegister // by fragment
	erasures  map[[16]byte]int64
	days      map[bitmaps.Field]bitmaps.DayFragment

	writes []bitmaps.Write
	size   int // of writes, in bytes
}

// incomingCommit is how many bytes of fragments are written at once.
const incomingCommit = 256 << 10

// read writes all that the files of the partition say.
func (n *incoming) read(ctx context.Context, r *portable.Reader) error {
	for {
		l, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = n.take(l, r)
		}
		if err == nil && n.size >= incomingCommit {
			err = n.commit(ctx)
		}
		if err != nil {
			return err
		}
	}
	if err := n.finish(); err != nil {
		return err
	}
	return n.commit(ctx)
}

// commit writes the fragments that there are so far, some at a time.
func (n *incoming) commit(ctx context.Context) error {
	for len(n.writes) > 0 {
		size, some := 0, 0
		for ; some < len(n.writes) && size < incomingCommit; some++ {
			size += len(n.writes[some].Field) + len(n.writes[some].Value)
		}
		seq := n.held.Seq() + 1
		at := bitmaps.Checkpoint{Changelog: seq, Writer: n.held.Nonce(), Seq: seq}
		if err := n.held.Commit(ctx, &bitmaps.Commit{
			Checkpoint: at.Encode(), Entry: bitmaps.SealEntry(bitmaps.NewEntry(nil)), Writes: n.writes[:some:some], KeepFrom: seq,
		}); err != nil {
			return err
		}
		n.writes = n.writes[some:]
	}
	n.writes, n.size = nil, 0
	return nil
}

func (n *incoming) write(f bitmaps.Field, value []byte) {
	n.writes = append(n.writes, bitmaps.Write{Account: n.id, Field: f.String(), Value: value})
	n.size += len(value)
}

// odd says that a line can't be: it fits its checksum, and nothing else.
func odd(format string, args ...any) error {
	return fmt.Errorf("%w: %s", portable.ErrDamaged, fmt.Sprintf(format, args...))
}

func (n *incoming) take(l *portable.Line, r *portable.Reader) error {
	if l.Account != nil {
		return n.begin(l.Account)
	}
	if n.id == "" {
		return odd("a line before the first account")
	}
	switch {
	case l.Piece != nil:
		return n.piece(l.Piece)
	case l.Message != nil:
		return n.message(l.Message)
	case l.List != nil:
		return n.list(l.List, r)
	case l.Reason != nil:
		return named(&n.reasons, "reason", n.meta.Reasons, l.Reason.Number, l.Reason.Text)
	case l.Contact != nil:
		return n.contact(l.Contact)
	case l.Erasure != nil:
		return n.erasure(l.Erasure)
	case l.Fact != nil:
		fact, known := exportedFacts[l.Fact.Name]
		if !known {
			return odd("fact %q", l.Fact.Name)
		}
		return n.bitmap(r, l.Fact.Contacts, bitmaps.Field{Kind: bitmaps.Fact, Name: factNames[fact]})
	case l.Country != nil:
		if countryByCode[l.Country.Code] == 0 {
			return odd("country %q, which this binary does not know", l.Country.Code)
		}
		return n.bitmap(r, l.Country.Contacts, bitmaps.Field{Kind: bitmaps.Fact, Name: l.Country.Code})
	case l.Day != nil:
		return n.day(l.Day, r)
	}
	return n.segment(l.Segment, r)
}

func (n *incoming) begin(a *portable.Account) error {
	if err := n.finish(); err != nil {
		return err
	}
	if _, twice := n.standings.accounts[a.ID]; twice || !validAccount([]byte(a.ID)) {
		return odd("an account that can't be, or a second time")
	}
	if max(a.Contacts, a.Messages, a.Lists, a.Reasons) > maxNumber {
		return odd("account %s: more than %d of a kind", a.ID, maxNumber)
	}
	n.id = a.ID
	n.standings.restored(a.ID)
	n.meta = bitmaps.AccountMeta{Contacts: a.Contacts, Messages: a.Messages, Lists: a.Lists, Reasons: a.Reasons, Totals: map[string]bitmaps.Totals{}}
	n.messages, n.lists, n.reasons, n.contacts, n.registers = nil, nil, nil, nil, nil
	n.titles = map[bitmaps.Kind]*titles{bitmaps.MessageTitles: {}, bitmaps.ListTitles: {}}
	n.listed, n.erasures = map[bitmaps.Field][]bitmaps.ListRegister{}, map[[16]byte]int64{}
	n.days = map[bitmaps.Field]bitmaps.DayFragment{}
	return nil
}

// finish writes what is kept of an account until its end.
func (n *incoming) finish() error {
	if n.id == "" {
		return nil
	}
	pieces := len(n.standings.accounts[n.id].pieces)
	if want := (int(n.meta.Contacts) + bitmaps.PieceSize - 1) / bitmaps.PieceSize; pieces < want {
		return odd("account %s: %d pieces of %d", n.id, pieces, want)
	}
	n.names(bitmaps.MessageNames, n.messages, n.meta.Messages)
	n.names(bitmaps.ListNames, n.lists, n.meta.Lists)
	n.names(bitmaps.Reasons, n.reasons, n.meta.Reasons)
	n.writeTitles()
	n.names(bitmaps.IDs, n.contacts, n.meta.Contacts)
	for chunk := 0; chunk*bitmaps.ChunkSize < len(n.registers); chunk++ {
		part := n.registers[chunk*bitmaps.ChunkSize:]
		n.write(bitmaps.Field{Kind: bitmaps.Registers, N: [4]uint32{uint32(chunk)}}, bitmaps.EncodeRegisters(part[:min(bitmaps.ChunkSize, len(part))]))
	}
	for f, registers := range n.listed {
		n.write(f, bitmaps.EncodeListRegisters(registers))
	}
	n.writeDays()
	if len(n.erasures) > 0 {
		n.write(bitmaps.Field{Kind: bitmaps.Erasures}, bitmaps.EncodeErasures(n.erasures))
	}
	n.meta.Seq = n.held.Seq()
	n.write(bitmaps.Field{Kind: bitmaps.Meta}, bitmaps.EncodeMeta(n.meta))
	return nil
}
