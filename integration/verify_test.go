package integration

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"rollcall/consumers"
	"rollcall/pipeline"
)

// TestVerify verifies again and again while records flow, of which a part is
// forwarded, and finds nothing; and then what somebody has altered.
func TestVerify(t *testing.T) {
	takesLong(t)
	c := newCluster(t)
	all := populations()[:2]
	p := c.serve().ready()
	for _, a := range tenantsOf(all) {
		a.create(t, p)
		a.define(t, p, "abcdefghijklmnopqrstuvwxyz")
	}
	c.fill(p, "shop", 200)
	const flowing = 25 * time.Second
	f, began, runs := c.startFlow(all, 100_000, 1, flowing), time.Now(), 0
	for ; time.Since(began) < flowing; runs++ {
		c.verifies(p, 0, "0 differences")
		c.verifies(p, 0, "0 differences", "--account", "acme", "--sample", "50")
	}
	f.wait(t)
	c.settled(p)
	c.measureVerify(p)
	t.Logf("verified %d times while records flowed", 2*runs)

	c.takeOut("shop", "in")
	c.settled(p)
	contact := c.missing(p, "shop", "in", 200)
	c.verifies(p, 1, fmt.Sprintf("shop, %s, in: got not a member, want member", contact))
	c.verifies(p, 1, "1 differences", "--account", "shop", "--contact", contact)
	c.verifies(p, 0, "0 differences", "--account", "shop", "--contact", "nobody")
	c.verifies(p, 1, "size: partition 0", "--account", "shop", "--segment", "in")
	c.verifies(p, 2, "no segment", "--account", "shop", "--segment", "no")
	c.verifies(p, 2, "no account", "--account", "nobody")

	p.stop() // or it would mend what follows
	reader := c.serve("--roles", "api").ready()
	key := "rollcall:{p3}:log"
	entries, err := c.redisClient().XRange(t.Context(), key, "-", "+").Result()
	must(t, err)
	must(t, c.redisClient().XDel(t.Context(), key, entries[len(entries)/2].ID).Err())
	c.verifies(reader, 1, "damaged: partition 3", "--partition", "3")
	c.verifies(reader, 0, "0 differences", "--partition", "4")
}

// verifies runs rollcall verify.
func (c *cluster) verifies(p *process, wantCode int, want string, args ...string) {
	c.t.Helper()
	code, out, errs := rollcall(c.t, p, operatorToken, append([]string{"verify"}, args...)...)
	if code != wantCode || !strings.Contains(out+errs, want) {
		c.t.Fatalf("rollcall verify %q: exit %d, want %d and %q:\n%s%s", args, code, wantCode, want, out, errs)
	}
}

// measureVerify tells how fast everything is verified, beside reading the topics alone.
func (c *cluster) measureVerify(p *process) {
	c.t.Helper()
	began, n := time.Now(), 0
	c.read(func(*consumers.Record) { n++ }, sources...)
	reading := time.Since(began)
	began = time.Now()
	_, out, _ := rollcall(c.t, p, operatorToken, "--json", "verify")
	took := time.Since(began)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	var last pipeline.VerifyLine
	must(c.t, json.Unmarshal([]byte(lines[len(lines)-1]), &last))
	if last.End == nil || last.End.Differences != 0 || last.End.Records != int64(n) {
		c.t.Fatalf("verified: %s; there are %d records", lines[len(lines)-1], n)
	}
	c.t.Logf("verified %d records, %d contacts and %d memberships in %v, %.0f records/s; reading the topics alone takes %v, %.0f records/s",
		n, last.End.Contacts, last.End.Memberships, took.Round(time.Millisecond), float64(n)/took.Seconds(),
		reading.Round(time.Millisecond), float64(n)/reading.Seconds())
}
