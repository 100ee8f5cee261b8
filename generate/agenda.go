package generate

// kind is what an event of the history is.
type kind uint8

const (
	joinNext  kind = iota // contact who joins, the next one later
	sendNext              // campaign what sends to its next recipient, from candidate who on
	click                 // the others: contact who does it, on message what
	reply                 //
	fail                  //
	optOut                //
	leaveList             // list what
)

// event is something that is still to happen.
type event struct {
	at   int64 // milliseconds
	who  uint32
	what uint32
	kind kind
}

// agenda holds events and gives back the earliest: a binary heap, written out
// because container/heap costs an allocation for each event.
type agenda []event

func (a *agenda) add(e event) {
	h := append(*a, e)
	i := len(h) - 1
	for i > 0 {
		parent := (i - 1) / 2
		if h[parent].at <= e.at {
			break
		}
		h[i] = h[parent]
		i = parent
	}
	h[i] = e
	*a = h
}

func (a *agenda) next() event {
	h := *a
	first, last := h[0], h[len(h)-1]
	h = h[:len(h)-1]
	*a = h
	if len(h) > 0 {
		h.sink(last)
	}
	return first
}

// sink puts e where the root was, below all earlier events.
func (a agenda) sink(e event) {
	i := 0
	for {
		child := 2*i + 1
		if child >= len(a) {
			break
		}
		if child+1 < len(a) && a[child+1].at < a[child].at {
			child++
		}
		if e.at <= a[child].at {
			break
		}
		a[i] = a[child]
		i = child
	}
	a[i] = e
}
