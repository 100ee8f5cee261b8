package soak

import (
	"strings"
	"testing"
	"time"
)

func TestReport(t *testing.T) {
	r := NewReport(17)
	for _, s := range []Strike{{Kill: Redis}, {Kill: Redis, Fault: Cut, On: Kafka}, {Fault: Delay, On: Redis}} {
		r.Struck(s)
	}
	for _, seconds := range []int{9, 1, 3} {
		r.Recovered("kill Redis", time.Duration(seconds)*time.Second)
	}
	r.Written, r.Acked = 10, 9
	got := r.String()
	for _, want := range []string{
		"seed 17", "kills: 2 (2 Redis)\n", "faults of the network: 2 (1 cut on a Kafka broker, 1 delay on Redis)\n",
		"10 written, 9 acknowledged", "kill Redis                           3    3.0 s    9.0 s\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}
