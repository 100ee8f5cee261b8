package main

import (
	"fmt"
	"strings"

	"rollcall/pipeline/segment"
)

// question is a segment to be defined over history, as each of the rivals would
// be asked it. In SQL, {T} is today as a number of days.
type question struct {
	name string
	text string
	// steps are operations on bitmaps, which leave bitMembers.
	steps func(p *population, all map[string]bitmap) []bitStep
	// postgres and clickhouse select the members' numbers from plain tables.
	postgres, clickhouse string
	// aggregated counts the members by ClickHouse's bitmaps and sums by day.
	aggregated string
}

// sql fills today in.
func (p *population) sql(text string) string {
	return strings.ReplaceAll(text, "{T}", fmt.Sprint(int(p.today)))
}

// Clicks and sends as SQL tables have them.
var (
	clickedSQL = fmt.Sprintf("behaviour = %d", segment.Clicked)
	sentSQL    = fmt.Sprintf("behaviour = %d", segment.Sent)
)

// daysOf is the union of the bitmaps of some days in ClickHouse, factOf that of a fact.
func daysOf(behaviour string, last int) string {
	return fmt.Sprintf("(SELECT groupBitmapMergeState(who) FROM days WHERE %s AND day >= {T} - %d)", behaviour, last)
}

func factOf(name string) string {
	return fmt.Sprintf("(SELECT groupBitmapMergeState(who) FROM facts WHERE name = '%s')", name)
}

var questions = []question{
	{
		name: "engaged",
		text: `all contacts where opted in and phone in US and clicked in last 30 days`,
		steps: func(p *population, all map[string]bitmap) []bitStep {
			return []bitStep{
				{"OR", bitMembers, p.lastDays(all, segment.Clicked, 30, 1)},
				{"AND", bitMembers, []string{bitMembers, bitOptedIn, bitUS}},
			}
		},
		postgres: `SELECT contact FROM contacts c WHERE opted_in AND country = 'US'
			AND EXISTS (SELECT FROM events e WHERE e.contact = c.contact AND ` + clickedSQL + ` AND day >= {T} - 30)`,
		clickhouse: `SELECT contact FROM contacts WHERE opted_in AND country = 'US'
			AND contact IN (SELECT contact FROM events WHERE ` + clickedSQL + ` AND day >= {T} - 30)`,
		aggregated: `SELECT bitmapAndCardinality(bitmapAnd(` + factOf(bitOptedIn) + `, ` + factOf(bitUS) + `), ` + daysOf(clickedSQL, 30) + `)`,
	},
	{
		name: "unknown",
		text: `all contacts where not opted in and not opted out`,
		steps: func(*population, map[string]bitmap) []bitStep {
			return []bitStep{
				{"OR", bitMembers, []string{bitOptedIn, bitOptedOut}},
				{"NOT", bitMembers, []string{bitMembers}},
				{"AND", bitMembers, []string{bitMembers, bitExists}},
			}
		},
		postgres:   `SELECT contact FROM contacts WHERE NOT opted_in AND NOT opted_out`,
		clickhouse: `SELECT contact FROM contacts WHERE NOT opted_in AND NOT opted_out`,
		aggregated: `SELECT bitmapAndnotCardinality(` + factOf(bitExists) + `, bitmapOr(` + factOf(bitOptedIn) + `, ` + factOf(bitOptedOut) + `))`,
	},
	{
		name: "silent",
		text: `all contacts where sent in last 7 days and not clicked in last 7 days`,
		steps: func(p *population, all map[string]bitmap) []bitStep {
			return []bitStep{
				{"OR", bitMembers, p.lastDays(all, segment.Sent, 7, 1)},
				{"OR", "clicked", p.lastDays(all, segment.Clicked, 7, 1)},
				{"NOT", "clicked", []string{"clicked"}},
				{"AND", bitMembers, []string{bitMembers, "clicked"}},
			}
		},
		postgres: `SELECT contact FROM contacts c
			WHERE EXISTS (SELECT FROM events e WHERE e.contact = c.contact AND ` + sentSQL + ` AND day >= {T} - 7)
			AND NOT EXISTS (SELECT FROM events e WHERE e.contact = c.contact AND ` + clickedSQL + ` AND day >= {T} - 7)`,
		clickhouse: `SELECT contact FROM contacts WHERE contact IN (SELECT contact FROM events WHERE ` + sentSQL + ` AND day >= {T} - 7)
			AND contact NOT IN (SELECT contact FROM events WHERE ` + clickedSQL + ` AND day >= {T} - 7)`,
		aggregated: `SELECT bitmapAndnotCardinality(` + daysOf(sentSQL, 7) + `, ` + daysOf(clickedSQL, 7) + `)`,
	},
	{
		name:  "keen",
		text:  `all contacts where clicked at least 3 times in last 30 days`,
		steps: countToThree,
		postgres: `SELECT contact FROM events WHERE ` + clickedSQL + ` AND day >= {T} - 30
			GROUP BY contact HAVING count(*) >= 3`,
		clickhouse: `SELECT contact FROM events WHERE ` + clickedSQL + ` AND day >= {T} - 30
			GROUP BY contact HAVING count() >= 3`,
		aggregated: `SELECT count() FROM (SELECT contact FROM counts WHERE ` + clickedSQL + ` AND day >= {T} - 30
			GROUP BY contact HAVING sum(n) >= 3)`,
	},
}

// countToThree adds bitmaps up, as far as it matters.
func countToThree(p *population, all map[string]bitmap) []bitStep {
	steps := []bitStep{{"AND", "once", []string{bitNobody}}, {"AND", "twice", []string{bitNobody}}, {"AND", bitMembers, []string{bitNobody}}}
	for _, name := range p.lastDays(all, segment.Clicked, 30, maxTimes) {
		steps = append(steps,
			bitStep{"AND", "more", []string{"twice", name}},
			bitStep{"OR", bitMembers, []string{bitMembers, "more"}},
			bitStep{"AND", "more", []string{"once", name}},
			bitStep{"OR", "twice", []string{"twice", "more"}},
			bitStep{"OR", "once", []string{"once", name}},
		)
	}
	return steps
}
