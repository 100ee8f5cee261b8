package soak

import (
	"reflect"
	"testing"
)

func count(rounds []Round) (kills, faults int, by map[any]int) {
	by = map[any]int{}
	for _, r := range rounds {
		by[r.Keeping]++
		for _, s := range r.Strikes {
			by[s.Kill]++
			by[s.Fault]++
			if s.Kill != Nobody {
				kills++
			}
			if s.Fault != None {
				faults++
			}
		}
	}
	return kills, faults, by
}

func TestPlanIsOfItsSeed(t *testing.T) {
	if !reflect.DeepEqual(Plan(7, 50), Plan(7, 50)) {
		t.Error("two plans of one seed differ")
	}
	if reflect.DeepEqual(Plan(7, 50), Plan(8, 50)) {
		t.Error("plans of two seeds are the same")
	}
}

func TestPlanKillsAsOftenAsAskedFor(t *testing.T) {
	for seed := range uint64(50) {
		for _, want := range []int{0, 1, 4, 5, 10, 23, 200} {
			if kills, _, _ := count(Plan(seed, want)); kills != want {
				t.Errorf("seed %d: %d kills, want %d", seed, kills, want)
			}
		}
	}
}

func TestPlanHasAll(t *testing.T) {
	for seed := range uint64(50) {
		rounds := Plan(seed, 10)
		if len(rounds) != 2 {
			t.Errorf("seed %d: %d rounds for 10 kills, want 2", seed, len(rounds))
		}
		_, faults, by := count(rounds)
		for _, v := range []Victim{Process, Processes, Redis, Kafka} {
			if by[v] == 0 {
				t.Errorf("seed %d: 10 kills leave out %s", seed, v)
			}
		}
		if by[Nothing]+by[Snapshot] != 1 {
			t.Errorf("seed %d: Redis forgets in %d rounds of 2", seed, by[Nothing]+by[Snapshot])
		}
		if faults == 10 {
			t.Errorf("seed %d: every kill comes with a fault", seed)
		}
	}
	_, _, by := count(Plan(1, 200))
	for _, f := range []Fault{Delay, Cut, Halve, Blackhole} {
		if by[f] < 15 {
			t.Errorf("200 kills come with %d of %s", by[f], f)
		}
	}
	for _, k := range []Keeping{Nothing, Snapshot, Always, EverySec} {
		if by[k] != 10 {
			t.Errorf("Redis keeps %s in %d of 40 rounds", k, by[k])
		}
	}
}

func TestStrikesAreNamed(t *testing.T) {
	for want, s := range map[string]Strike{
		"kill Redis":              {Kill: Redis},
		"halve on Redis":          {Fault: Halve, On: Redis},
		"kill and fault together": {Kill: Process, Fault: Cut, On: Network},
	} {
		if got := s.Kind(); got != want {
			t.Errorf("%+v is named %q, want %q", s, got, want)
		}
	}
}
