package integration

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

// mixedSegments are 20 definitions with every criterion, period, frequency,
// message clause and origin. D3 is the day three days ago.
func mixedSegments() map[string]string {
	day := func(before int) string { return time.Now().UTC().AddDate(0, 0, -before).Format(time.DateOnly) }
	fill := strings.NewReplacer("D20", day(20), "D12", day(12), "D10", day(10), "D3", day(3))
	all := map[string]string{
		"a-everybody":  `all contacts`,
		"a-engaged":    `all contacts where opted in and phone in US and clicked in last 30 days`,
		"a-unknown":    `all contacts where not opted in and not opted out`,
		"a-left":       `all contacts where opted out and sent in last 7 days`,
		"a-no-phone":   `all contacts where not valid phone`,
		"a-abroad":     `all contacts where valid phone and not phone in US, CA, PR`,
		"a-often":      `all contacts where sent at least 5 times in last 14 days and clicked at most 1 times in last 30 days`,
		"a-exactly":    `all contacts where clicked exactly 2 times ever`,
		"a-days":       `all contacts where clicked on at least 2 days in last 20 days`,
		"a-window":     `all contacts where replied between 3 and 15 days ago or clicked on D3`,
		"a-dates":      `all contacts where sent between D20 and D10 and not sent since D3`,
		"a-before":     `all contacts where failed before D12`,
		"b-any-of":     `all contacts where clicked any of messages "m-3", "m-9", "m-20" at least 2 times`,
		"b-all-of":     `all contacts where sent all of messages "m-2", "m-5" and opted in`,
		"b-none-of":    `list "newsletter" where sent none of messages "m-4", "m-8" since D20`,
		"b-one":        `list "spring-sale" where clicked message "m-6" or failed message "m-6"`,
		"b-form":       `form "giveaway" where not (opted out or in list "vip") and valid phone`,
		"b-webinar":    `webinar "product-tour" where in form "contact-us" or in webinar "holiday-planning" or replied ever`,
		"c-subsegment": `segment "a-engaged" where clicked at least 2 times in last 30 days`,
		"d-nested":     `segment "c-subsegment" where not in segment "b-any-of" and (phone in US or in segment "a-days")`,
	}
	for id, text := range all {
		all[id] = fill.Replace(text)
	}
	return all
}

// define puts the segments whose ids begin with one of the letters; parents
// have earlier ones. Odd ones go through the command line, others over HTTP.
func (a tenant) define(t *testing.T, p *process, letters string) {
	t.Helper()
	for i, id := range slices.Sorted(maps.Keys(a.segments)) {
		switch {
		case !strings.Contains(letters, id[:1]):
		case i%2 == 0:
			putSegment(t, p, a.id, id, a.segments[id])
		default:
			code, out, errs := rollcall(t, p, operatorToken, "--account", a.id, "segment", "put", id, a.segments[id])
			if code != 0 {
				t.Fatalf("segment put %s: exit %d\n%s%s", id, code, out, errs)
			}
		}
	}
}
