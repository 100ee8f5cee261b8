package pipeline

import "runtime"

// A day turns for all partitions of a process at once. If all composed at once,
// no record would be taken meanwhile; so they take turns, and while one composes
// the others go on.

// NewTurns has as many places as leave half of the processors to records.
func NewTurns() chan struct{} { return make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2)) }

// dayTurn is what a task knows of its turn.
type dayTurn struct {
	has   bool
	waits bool
}

// takeTurn tells whether the task may compose for a new day. If not, run waits
// for its turn beside all else.
func (t *Task) takeTurn() bool {
	if t.Turns == nil || t.composer.urgent || t.composer.turn.has {
		return true
	}
	select {
	case t.Turns <- struct{}{}:
		t.composer.turn.has = true
	default:
		t.composer.turn.waits = true
	}
	return t.composer.turn.has
}

// endTurn gives the turn to another task, if this one has it.
func (t *Task) endTurn() {
	if t.composer.turn.has {
		t.composer.turn.has = false
		<-t.Turns
	}
}

// awaited is where the task's turn comes from, nil if it waits for none.
func (t *Task) awaited() chan<- struct{} {
	if !t.composer.turn.waits {
		return nil
	}
	t.composer.turn.waits = false
	return t.Turns
}
