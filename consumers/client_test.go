package consumers

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
)

func TestOpenRefusesABadConfiguration(t *testing.T) {
	for _, cfg := range []Config{
		{},
		{Brokers: []string{"b:9092"}, MaxWait: -1},
		{Brokers: []string{"b:9092"}, SASL: &SASL{Mechanism: "GSSAPI"}},
	} {
		if _, err := Open(cfg); err == nil {
			t.Errorf("%+v was accepted", cfg)
		}
	}
}

func TestCredentialsAreNotPrinted(t *testing.T) {
	cfg := Config{SASL: &SASL{"PLAIN", "user", "hunter2"}}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if s := fmt.Sprintf(verb, cfg.SASL); strings.Contains(s, "hunter2") {
			t.Errorf("%s prints %s", verb, s)
		}
	}
}

func TestSASL(t *testing.T) {
	for _, s := range []SASL{{"PLAIN", "p", "secret"}, {"SCRAM-SHA-256", "s", "secret"}, {"SCRAM-SHA-512", "l", "secret"}} {
		tc := newFake(t, 1, kfake.EnableSASL(), kfake.Superuser(s.Mechanism, s.Username, s.Password))
		c := tc.clientWith(t, Config{SASL: &s})
		member := runMember(t, fastGroup(t, c, "g", 1, topic(t, c, "secret", 1)))
		eventually(t, s.Mechanism+" joined", func() bool { return len(member.has()) == 1 })
	}
}

// With a network in memory the whole package runs on the fake clock of a
// bubble: hours pass at once, and no goroutine is left behind.
func TestInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network kfake.VirtualNetwork
		tc := newFake(t, 1, kfake.ListenFn(network.Listen), kfake.SeedTopics(2, "bubble"))
		c := tc.clientWith(t, Config{Dial: network.DialContext})
		group, err := c.Group(GroupConfig{ID: "g", Topics: []string{"bubble"}, Tasks: 2})
		if err != nil {
			t.Fatal(err)
		}
		member := runMember(t, group)
		tp := TopicPartition{"bubble", 1}
		feed := newFeed(t.Context(), c, []TopicPartition{tp})
		if err := feed.Start(nil); err != nil {
			t.Fatal(err)
		}
		defer feed.close()
		for i := range 3 {
			time.Sleep(time.Hour)
			write(t, c, tp, fmt.Sprint(i))
			if values, _ := collect(t, feed, 1); values[0] != fmt.Sprint(i) {
				t.Errorf("got %v", values)
			}
		}
		if got := member.has(); len(got) != 2 {
			t.Errorf("tasks are %v", got)
		}
	})
}
