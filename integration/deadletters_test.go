package integration

import (
	"fmt"

	"rollcall/api"
	"rollcall/consumers"
)

// stood is where a record stood, as a dead letter says it.
type stood struct{ topic, partition, offset string }

// deadLetters reads them all, and says how many are there more than once. A
// crash between the writing of a letter and the commit that counts it may leave
// two.
func (c *cluster) deadLetters() (letters map[stood][2]string, again int) {
	c.t.Helper()
	letters = map[stood][2]string{}
	c.read(func(r *consumers.Record) {
		header := func(name string) string { v, _ := r.Header("rollcall-error-" + name); return string(v) }
		if header("code") == "" || header("time") == "" {
			c.t.Errorf("a dead letter without code or time: %v", r.Headers())
		}
		at := stood{header("topic"), header("partition"), header("offset")}
		if _, known := letters[at]; known {
			again++
		}
		letters[at] = [2]string{header("key"), string(r.Value)}
	}, "rollcall.dead-letters")
	return letters, again
}

// expectDeadLetters holds each dead letter against the record that it says it
// is, and their number against the counter.
func (c *cluster) expectDeadLetters(s api.Status, mostTwice int) {
	c.t.Helper()
	letters, again := c.deadLetters()
	if again > mostTwice {
		c.t.Errorf("%d dead letters are there twice", again)
	}
	if counted := s.Outcomes["dead_lettered"]; int64(len(letters)) != counted {
		c.t.Errorf("there are %d dead letters, %d were counted", len(letters), counted)
	}
	found := 0
	c.read(func(r *consumers.Record) {
		at := stood{r.Topic, fmt.Sprint(r.Partition), fmt.Sprint(r.Offset)}
		if letter, ok := letters[at]; ok {
			found++
			if letter != [2]string{string(r.Key), string(r.Value)} {
				c.t.Errorf("the dead letter of %v has other bytes", at)
			}
		}
	}, sources...)
	if found != len(letters) {
		c.t.Errorf("%d of %d dead letters are of no record", len(letters)-found, len(letters))
	}
}
