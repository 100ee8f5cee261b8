package pipeline

import "encoding/binary"

// guess is what stood before a field's text when it was read last: its name and
// what is around that, after the comma. Records of a topic are mostly written by
// one program, with the same fields in the same order, so each field is first
// looked for where the last record had it. Two comparisons tell whether it is
// there; if it is not, the name is read.
type guess struct {
	words [2]uint64 // the bytes, and zeros
	masks [2]uint64 // ones where there are bytes
	size  int       // 0: there is no guess
	field field
}

const longestGuess = 16 // bytes

// stands tells whether the guess is right. It may say no to what is right close
// to the end of the data.
func (g *guess) stands(data []byte, at int) bool {
	if g.size == 0 || at+longestGuess > len(data) {
		return false
	}
	first, second := binary.LittleEndian.Uint64(data[at:]), binary.LittleEndian.Uint64(data[at+8:])
	return (first^g.words[0])&g.masks[0]|(second^g.words[1])&g.masks[1] == 0
}

// remember guesses that the field will stand behind the same bytes again.
func (g *guess) remember(before []byte, f field) {
	if len(before) > longestGuess || f == fieldMember { // which is no text
		return
	}
	g.size, g.field = len(before), f
	for i := range g.words {
		n := min(max(len(before)-8*i, 0), 8)
		g.words[i], g.masks[i] = lastBytes(before[:8*i+n], 8*i), 1<<(8*n)-1
	}
}
