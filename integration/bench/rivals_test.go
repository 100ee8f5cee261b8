package main

import (
	"testing"

	"github.com/redis/go-redis/v9"

	"rollcall/generate"
	"rollcall/integration/servers"
	"rollcall/pipeline/naive"
	"rollcall/pipeline/segment"
)

// TestRivalsAgree has every rival that this machine has asked all questions: it
// must answer as the naive way does.
func TestRivalsAgree(t *testing.T) {
	people, want := smallPopulation(t)
	c := redis.NewClient(&redis.Options{Addr: servers.Redis(t)})
	defer c.Close()
	var r rivals
	defer func() {
		if err := r.close(); err != nil {
			t.Error(err)
		}
	}()
	if err := r.meet(t.Context(), t.TempDir(), c, people); err != nil {
		t.Fatal(err)
	}
	for _, missing := range r.missing {
		t.Log(missing)
	}
	for _, way := range r.all {
		for i := range questions {
			q := &questions[i]
			for range 2 { // the second time there may be something left of the first
				if got, _, err := way.ask(t.Context(), q); err != nil || got != want[q.name] {
					t.Errorf("%s, %s: %d, %v; want %d", way.name, q.name, got, err, want[q.name])
				}
			}
		}
	}
}

const smallSize = 1000

// smallPopulation is 1,000 contacts with a month of history, and the answers
// about them. Each question has some, and not all, for an answer.
func smallPopulation(t *testing.T) (*population, map[string]int64) {
	t.Helper()
	g, err := generate.New(generate.Config{
		Account: large, Contacts: smallSize, Days: 33, Now: today, Seed: 1, Repeats: 0.01, Late: 0.01, Bad: 0.001,
	})
	if err != nil {
		t.Fatal(err)
	}
	a, err := largeAccount()
	if err != nil {
		t.Fatal(err)
	}
	world := naive.World{Partitions: 1, Accounts: []naive.Account{a}}
	for r := range g.History() {
		world.Records = append(world.Records, naive.Record{
			Topic: r.Topic, Offset: int64(len(world.Records)), Time: r.At.UnixMilli(), Key: r.Key, Value: r.Value,
		})
	}
	day, err := largeDay(today)
	if err != nil {
		t.Fatal(err)
	}
	people, want, result := newPopulation(day), map[string]int64{}, naive.Fold(world, today)
	people.add(result, large)
	for _, q := range questions {
		want[q.name] = int64(len(result.Members(large, q.name)))
		if want[q.name] == 0 || want[q.name] == smallSize {
			t.Errorf("%s: %d of %d contacts say nothing", q.name, want[q.name], smallSize)
		}
	}
	return people, want
}

func TestBitStepsGoOnBeyondSixteenKeys(t *testing.T) {
	people, _ := smallPopulation(t)
	if n := len(people.lastDays(people.bitmaps(), segment.Clicked, 30, 1)); n <= bitopKeys {
		t.Errorf("%d bitmaps fit into one BITOP", n)
	}
}
