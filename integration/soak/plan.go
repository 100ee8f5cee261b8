package soak

import (
	"math/rand/v2"
	"time"
)

// Victim is what is killed, or whose connections a fault befalls.
type Victim string

const (
	Nobody    Victim = ""
	Process   Victim = "a rollcall process"
	Processes Victim = "all rollcall processes"
	Redis     Victim = "Redis"
	Kafka     Victim = "a Kafka broker"
	Network   Victim = "all Kafka brokers" // the way to them; they are never killed together
)

// Fault is what a proxy does to connections.
type Fault string

const (
	None      Fault = ""
	Delay     Fault = "delay"
	Cut       Fault = "cut"
	Halve     Fault = "halve"
	Blackhole Fault = "blackhole"
)

// Strike is one or two things that go wrong together: connections suffer a
// fault, or somebody is killed in the midst of that, or on an ordinary day.
type Strike struct {
	Kill  Victim // by SIGKILL; Nobody: only the fault
	Fault Fault  // None: only the kill
	On    Victim // whose connections: Redis, Kafka or Network
	Which int    // of the processes or brokers, modulo how many there are

	Pause time.Duration // from the fault to the kill
	Hold  time.Duration // from the kill to the end of all that is wrong
	Delay time.Duration // of Delay
	Await bool          // whether all have to recover before the next strike
}

// Kind names the strike in reports.
func (s Strike) Kind() string {
	fault := string(s.Fault) + " on " + string(s.On)
	switch {
	case s.Fault == None:
		return "kill " + string(s.Kill)
	case s.Kill == Nobody:
		return fault
	}
	return "kill and fault together"
}

// Round is what happens between two quiet points, and how Redis keeps its data
// over a kill meanwhile.
type Round struct {
	Keeping Keeping
	Strikes []Strike
}

// Keeping is what Redis has when it is back after a kill.
type Keeping string

const (
	Nothing  Keeping = "nothing"
	Snapshot Keeping = "an old snapshot"
	Always   Keeping = "AOF, fsync always"
	EverySec Keeping = "AOF, fsync every second"
)

// killsInRound is how many kills lie between two quiet points.
const killsInRound = 5

// Plan makes up the rounds with so many kills. It is a function of its
// arguments. Ten kills have all victims among them, those more often that
// everything recovers from soon, and in every second round Redis keeps all that
// it acknowledged.
func Plan(seed uint64, kills int) []Round {
	random := rand.New(rand.NewPCG(seed, 1))
	p := &planner{random: random, long: kills > 2*killsInRound,
		victims: deck[Victim]{all: []Victim{Process, Redis, Kafka, Redis, Redis, Processes, Redis, Kafka, Redis, Process}},
		faults:  deck[befall]{all: befalls()},
		keeping: [2]deck[Keeping]{{all: []Keeping{Nothing, Snapshot}}, {all: []Keeping{Always, EverySec}}},
	}
	var rounds []Round
	for ; kills > 0; kills -= killsInRound {
		r := Round{Keeping: p.keeping[len(rounds)%2].deal(random)}
		for range min(kills, killsInRound) {
			r.Strikes = append(r.Strikes, p.strikes()...)
		}
		rounds = append(rounds, r)
	}
	return rounds
}

type planner struct {
	random  *rand.Rand
	long    bool // also outages longer than any timeout
	victims deck[Victim]
	faults  deck[befall]
	keeping [2]deck[Keeping]
}

// befall is a fault and whose connections it befalls.
type befall struct {
	fault Fault
	on    Victim
}

func befalls() (all []befall) {
	for _, on := range []Victim{Redis, Kafka, Network} {
		for _, fault := range []Fault{Delay, Cut, Halve, Blackhole} {
			all = append(all, befall{fault, on})
		}
	}
	return all
}

// strikes is a kill, half of the time with a fault: before it, or at once.
func (p *planner) strikes() []Strike {
	kill := p.strike()
	kill.Kill = p.victims.deal(p.random)
	if p.random.IntN(2) == 0 {
		return []Strike{kill}
	}
	fault := p.strike()
	dealt := p.faults.deal(p.random)
	if fault.Fault, fault.On = dealt.fault, dealt.on; p.random.IntN(2) == 0 {
		return []Strike{fault, kill}
	}
	kill.Fault, kill.On = fault.Fault, fault.On
	return []Strike{kill}
}

func (p *planner) strike() Strike {
	s := Strike{
		Which: p.random.IntN(60),
		Pause: p.upTo(time.Second),
		Hold:  p.upTo(2 * time.Second),
		Delay: 20*time.Millisecond + p.upTo(200*time.Millisecond),
		Await: p.random.IntN(2) == 0,
	}
	if p.long && p.random.IntN(4) == 0 {
		s.Hold += 10 * time.Second
	}
	return s
}

func (p *planner) upTo(d time.Duration) time.Duration {
	return time.Duration(p.random.Int64N(int64(d))).Round(time.Millisecond)
}

// deck deals all of its cards in a random order, and then again.
type deck[T any] struct {
	all, left []T
}

func (d *deck[T]) deal(random *rand.Rand) T {
	if len(d.left) == 0 {
		d.left = append(d.left, d.all...)
		random.Shuffle(len(d.left), func(i, j int) { d.left[i], d.left[j] = d.left[j], d.left[i] })
	}
	card := d.left[0]
	d.left = d.left[1:]
	return card
}
