package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// previewResult is how long a preview takes over HTTP, one at a time, by turns
// with a request to a handler that only reads it.
type previewResult struct {
	Kind, Text  string
	Events      bool // that it has to read
	Took, Empty spread
	CPU         float64 // ms of this process, for both together
}

// previewed are definitions, and who is in them.
var previewed = []struct {
	kind, text string
	events     bool
	of         func(person) bool
}{
	{"facts", `all contacts where opted in and valid phone and phone in US`, false,
		func(p person) bool { return p.optedIn() && p.inUS() }},
	{"since", `all contacts where opted in and phone in US and clicked in last 30 days and not sent in last 7 days`, false,
		func(p person) bool {
			return p.optedIn() && p.inUS() && p.clickedLast(30) && !(p.sent() && p.sentAgo() <= 7)
		}},
	{"list", `list "newsletter" where opted in and not clicked in last 30 days`, false,
		func(p person) bool { return p.onList() && p.optedIn() && !p.clickedLast(30) }},
	{"segment", `segment "reachable" where not clicked in last 30 days or in list "newsletter"`, false,
		func(p person) bool { return p.reachable() && (!p.clickedLast(30) || p.onList()) }},
	{"window", `all contacts where clicked between 8 and 30 days ago`, false,
		func(p person) bool { return p.clickedLast(30) && !p.clickedLast(7) }},
	{"days", `all contacts where clicked on at least 2 days in last 30 days or opted out`, false,
		func(p person) bool { return !p.optedIn() }},
	{"counts", `all contacts where clicked at least 2 times in last 30 days`, true,
		func(p person) bool { return p.clickedLast(30) && p.clicks() == 2 }},
	{"messages", `all contacts where clicked message "m-2" in last 30 days`, true,
		func(p person) bool { return p.clickedLast(30) && p.message() == 2 }},
}

// previews asks for each definition for some seconds, or a few times.
func (a *asker) previews(ctx context.Context, res *askingResult) error {
	for _, def := range previewed {
		var took, empty []time.Duration
		want := howMany(a.task.People, def.of)
		began, used := time.Now(), cpuTime()
		for n := 0; n < 5 || n < 2000 && time.Since(began) < time.Duration(a.task.Seconds)*time.Second/4; n++ {
			asked := time.Now()
			if err := a.preview(ctx, def.kind, def.text, want); err != nil {
				return err
			}
			answered := time.Now()
			if err := a.send(ctx, "POST", "/empty", strings.NewReader(def.text), new([]byte)); err != nil {
				return err
			}
			took, empty = append(took, answered.Sub(asked)), append(empty, time.Since(answered))
		}
		text := def.text
		if def.events {
			text = "* " + text
		}
		res.Previews = append(res.Previews, previewResult{def.kind, text, def.events, spreadOf(took), spreadOf(empty), millis(cpuTime()-used) / float64(len(took))})
	}
	return nil
}

func (a *asker) preview(ctx context.Context, kind, text string, want int64) error {
	body, err := json.Marshal(map[string]string{"text": text})
	if err != nil {
		return err
	}
	var got []byte
	if err := a.send(ctx, "POST", "/v1/preview", strings.NewReader(string(body)), &got); err != nil {
		return err
	}
	var answer struct {
		Size int64 `json:"size"`
	}
	if err := json.Unmarshal(got, &answer); err != nil {
		return fmt.Errorf("preview: %w", err)
	}
	a.expect("preview of "+kind, answer.Size, want)
	return nil
}
