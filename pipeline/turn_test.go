package pipeline

import "testing"

// While another partition has the turn, a task goes on with records on the day
// before, and composes when the turn is its own.
func TestDaysTakeTurns(t *testing.T) {
	w := newWorld(t, 1)
	w.config.Turns = make(chan struct{}, 1)
	w.segment("clicked", `all contacts where clicked in last 3 days`)
	w.contact("ann", "+12015550123")
	w.behaviour(TopicClicked, "ann", "m", "2026-11-12 10:00")
	w.expect("clicked", "ann")

	w.config.Turns <- struct{}{} // of another partition
	w.now = w.local("2026-11-16 12:00")
	w.contact("bob", "+12015550124")
	w.behaviour(TopicClicked, "bob", "m", "2026-11-15 10:00")
	w.expect("clicked", "ann bob")
	task := w.task(0)
	if today := task.state.accounts[acme].pieces[0].plan.today; today != w.day("2026-11-15 12:00") {
		t.Fatalf("composed for %s out of turn", today)
	}
	turns := task.awaited()
	if turns == nil {
		t.Fatal("nobody waits for the turn")
	}
	if task.awaited() != nil {
		t.Fatal("it waits twice")
	}

	<-w.config.Turns
	turns <- struct{}{} // as run does
	task.composer.turn.has = true
	w.expect("clicked", "bob")
	if len(w.config.Turns) != 0 || task.composer.turn.has {
		t.Fatal("the turn was kept")
	}
}

// A state that is opened on a later day than it stands for does not wait.
func TestOpeningTakesNoTurn(t *testing.T) {
	w := newWorld(t, 1)
	w.config.Turns = make(chan struct{}, 1)
	w.segment("clicked", `all contacts where clicked in last 3 days`)
	w.contact("ann", "+12015550123")
	w.behaviour(TopicClicked, "ann", "m", "2026-11-12 10:00")
	w.expect("clicked", "ann")
	w.config.Turns <- struct{}{}
	w.now = w.local("2026-11-16 12:00")
	w.must(w.task(0).composeAll(t.Context(), w.now.UnixMilli()))
	w.expect("clicked", "")
}
