package api

import (
	"context"
	"errors"
	"strings"
	"testing"
)

// fakeVerifier tells of a difference, and of the end unless it fails.
type fakeVerifier struct {
	err     error
	asked   VerifyQuery
	entered chan struct{} // if not nil, closed when it begins, to wait for hold
	hold    chan struct{}
}

func (f *fakeVerifier) Verify(ctx context.Context, q VerifyQuery, tell func(VerifyLine) error) error {
	f.asked = q
	if err := tell(VerifyLine{Difference: &VerifyDifference{Kind: "member", Contact: "<3>"}}); err != nil {
		return err
	}
	if f.entered != nil {
		close(f.entered)
		<-f.hold
	}
	if f.err != nil {
		return f.err
	}
	return tell(VerifyLine{End: &VerifyEnd{Differences: 1}})
}

func TestVerifications(t *testing.T) {
	f := &fakeVerifier{}
	b := newBench(t, func(c *Config) { c.Verifier = f })
	ask := func(body string) answer { return b.ask("POST", "/v1/verifications", operatorToken, body) }

	got := ask(`{"account":"acme","segment":"base","contacts":["c1"],"sample":3,"partitions":[2]}`)
	want := `{"difference":{"kind":"member","partition":0,"contact":"<3>"}}` + "\n" + `{"end":{"partitions":0,"records":0,"contacts":0,"memberships":0,"differences":1,"position":""}}` + "\n"
	if got.status != 200 || got.body != want || got.header.Get("Content-Type") != "application/x-ndjson" {
		t.Errorf("answered %d %s", got.status, got.body)
	}
	if f.asked.Account != "acme" || f.asked.Segment != "base" || f.asked.Sample != 3 || len(f.asked.Contacts) != 1 || len(f.asked.Partitions) != 1 {
		t.Errorf("asked was %+v", f.asked)
	}

	for body, status := range map[string]int{
		`{"segment":"base"}`:                      422,
		`{"contacts":["c1"]}`:                     422,
		`{"account":"nobody"}`:                    404,
		`{"account":"acme","segment":"no"}`:       404,
		`{"account":"acme","contacts":[""]}`:      422,
		`{"account":"acme","sample":-1}`:          422,
		`{"account":"acme","contact":"misspelt"}`: 422,
	} {
		if got := ask(body); got.status != status || got.problem() == "" {
			t.Errorf("%s is answered %d %s, want %d", body, got.status, got.body, status)
		}
	}

	f.err = errors.New("kafka is down, and c-17 is a secret")
	if got := ask(`{}`); !strings.Contains(got.body, `{"failed":{"type":"/problems/unavailable"`) || strings.Contains(got.body, "c-17") {
		t.Errorf("a failure is answered %s", got.body)
	}
}

// A process verifies one thing at a time.
func TestVerificationsTakeTurns(t *testing.T) {
	f := &fakeVerifier{entered: make(chan struct{}), hold: make(chan struct{})}
	b := newBench(t, func(c *Config) { c.Verifier = f })
	first := make(chan answer)
	go func() { first <- b.ask("POST", "/v1/verifications", operatorToken, `{}`) }()
	<-f.entered
	if got := b.ask("POST", "/v1/verifications", operatorToken, `{}`); got.status != 503 || got.problem() != "busy" {
		t.Errorf("a second one is answered %d %s", got.status, got.body)
	}
	close(f.hold)
	if got := <-first; got.status != 200 {
		t.Errorf("the first is answered %d", got.status)
	}
}
