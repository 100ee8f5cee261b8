package pipeline

// numbering gives names dense numbers in order of arrival, never twice.
type numbering struct {
	byName map[string]uint32
	names  []string // by number; empty: given up, or not known yet
}

func newNumbering() numbering { return numbering{byName: map[string]uint32{}} }

func (n *numbering) next() uint32 { return uint32(len(n.names)) }

func (n *numbering) get(name []byte) (uint32, bool) {
	number, ok := n.byName[string(name)]
	return number, ok
}

// name is the name that has a number, empty if none has.
func (n *numbering) name(number uint32) string {
	if number >= n.next() {
		return ""
	}
	return n.names[number]
}

// add numbers a name that has no number yet.
func (n *numbering) add(name string) uint32 {
	number := n.next()
	n.names = append(n.names, name)
	n.byName[name] = number
	return number
}

// put says that a name has a number, as stored.
func (n *numbering) put(number uint32, name string) {
	n.skipTo(number + 1)
	n.names[number] = name
	if name != "" {
		n.byName[name] = number
	}
}

// skipTo makes next at least number.
func (n *numbering) skipTo(number uint32) {
	for n.next() < number {
		n.names = append(n.names, "")
	}
}

// drop gives a name up, not its number.
func (n *numbering) drop(number uint32) {
	if int(number) >= len(n.names) {
		return
	}
	delete(n.byName, n.names[number])
	n.names[number] = ""
}

// chunk is the names of one stored chunk.
func (n *numbering) chunk(chunk, size uint32) []string {
	from := min(chunk*size, n.next())
	return n.names[from:min(from+size, n.next())]
}
