package pipeline

import (
	"encoding/binary"
	"fmt"
	"regexp/syntax"
	"slices"
	"sync"
)

// automaton matches digits against many patterns at once: it says of each what
// package regexp says of it between ^ and $. Its states are made when digits
// lead to them first; how many there can be is up to the patterns, and no state
// tells which digits led to it. It is not safe for concurrent use.
type automaton struct {
	program []syntax.Inst // of all patterns, one after the other
	begins  []uint32      // where each of them begins
	accepts map[uint32]pattern
	states  []automatonState
	places  map[string]int32 // of states, by their threads
	scratch threads
}

// pattern is the place of a pattern in an automaton.
type pattern int32

// automatonState is where digits lead to.
type automatonState struct {
	threads []uint32  // places in the program that wait for a digit
	next    [10]int32 // by digit; 0: not known yet
	matched []pattern // by the digits up to here, in ascending order
}

func (s *automatonState) matches(p pattern) bool { return slices.Contains(s.matched, p) }

func newAutomaton() *automaton {
	return &automaton{accepts: map[uint32]pattern{}, places: map[string]int32{}}
}

// add takes one more pattern, before the first digits are run.
func (a *automaton) add(expression string) (pattern, error) {
	program, err := compiled(expression)
	if err != nil {
		return 0, err
	}
	p, base := pattern(len(a.begins)), uint32(len(a.program))
	for i, inst := range program.Inst {
		switch inst.Op {
		case syntax.InstEmptyWidth:
			return 0, fmt.Errorf("%q asks for more than digits", expression)
		case syntax.InstMatch:
			a.accepts[base+uint32(i)] = p
		case syntax.InstAlt, syntax.InstAltMatch:
			inst.Arg += base
		}
		inst.Out += base
		a.program = append(a.program, inst)
	}
	a.begins = append(a.begins, base+uint32(program.Start))
	return p, nil
}

// programs are those compiled before, by expression, for all partitions. They
// are of the library's metadata, so there are only so many.
var programs sync.Map

// compiled is the program of an expression, to be read only.
func compiled(expression string) (*syntax.Prog, error) {
	if p, ok := programs.Load(expression); ok {
		return p.(*syntax.Prog), nil
	}
	parsed, err := syntax.Parse("(?:"+expression+")", syntax.Perl)
	if err != nil {
		return nil, err
	}
	p, err := syntax.Compile(parsed.Simplify())
	if err == nil {
		programs.Store(expression, p)
	}
	return p, err
}

// run is the state that digits lead to, valid until the next call.
func (a *automaton) run(digits []byte) (at int32) {
	if len(a.states) == 0 {
		a.states = append(a.states, automatonState{}) // 0 is no state
		a.scratch.reset(len(a.program))
		for _, begin := range a.begins {
			a.follow(begin)
		}
		a.settle()
	}
	at = 1
	for _, c := range digits {
		next := a.states[at].next[c-'0']
		if next == 0 {
			next = a.step(at, rune(c))
		}
		at = next
	}
	return at
}

// step makes the state that one more digit leads to.
func (a *automaton) step(at int32, digit rune) int32 {
	a.scratch.reset(len(a.program))
	for _, thread := range a.states[at].threads {
		if inst := &a.program[thread]; inst.MatchRune(digit) {
			a.follow(inst.Out)
		}
	}
	next := a.settle()
	a.states[at].next[digit-'0'] = next
	return next
}

// follow adds a place in the program and all that it leads to without a digit.
func (a *automaton) follow(place uint32) {
	if !a.scratch.add(place) {
		return
	}
	switch inst := &a.program[place]; inst.Op {
	case syntax.InstAlt, syntax.InstAltMatch:
		a.follow(inst.Out)
		a.follow(inst.Arg)
	case syntax.InstCapture, syntax.InstNop:
		a.follow(inst.Out)
	}
}

// settle finds the state of the threads that were followed, made if it is new.
func (a *automaton) settle() int32 {
	slices.Sort(a.scratch.places)
	var s automatonState
	var key []byte
	for _, place := range a.scratch.places {
		switch a.program[place].Op {
		case syntax.InstMatch:
			s.matched = append(s.matched, a.accepts[place])
		case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
			s.threads = append(s.threads, place)
		default:
			continue
		}
		key = binary.LittleEndian.AppendUint32(key, place)
	}
	at, known := a.places[string(key)]
	if !known {
		at = int32(len(a.states))
		a.states, a.places[string(key)] = append(a.states, s), at
	}
	return at
}

// threads is a set of places in a program.
type threads struct {
	places []uint32
	has    []bool
}

func (t *threads) reset(size int) {
	t.places = t.places[:0]
	if len(t.has) != size {
		t.has = make([]bool, size)
		return
	}
	clear(t.has)
}

func (t *threads) add(place uint32) bool {
	if t.has[place] {
		return false
	}
	t.has[place] = true
	t.places = append(t.places, place)
	return true
}
