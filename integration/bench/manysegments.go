package main

import (
	"fmt"
	"strings"
	"time"

	"rollcall/pipeline/segment"
)

// narrowings make many segments of few: to the lists of package generate.
var narrowings = []string{
	``, `in list "newsletter"`, `in list "spring-sale"`, `in list "new-arrivals"`, `in list "win-back"`, `in list "vip"`,
	`in form "giveaway"`, `in form "contact-us"`, `in form "demo-request"`, `in webinar "product-tour"`, `in webinar "holiday-planning"`,
	`in list "newsletter" and opted in`, `in list "spring-sale" and opted in`, `in list "new-arrivals" and opted in`,
	`in list "win-back" and opted in`, `in list "vip" and opted in`, `in form "giveaway" and opted in`,
	`in form "contact-us" and opted in`, `in form "demo-request" and opted in`, `in webinar "product-tour" and opted in`,
}

// manySegments are n: some of segments.txt, or all of them and then each narrowed
// in turn to a list, or to those of it that are opted in.
func manySegments(n int, now time.Time) ([]namedSegment, error) {
	base, err := segments(now)
	if err != nil {
		return nil, err
	}
	if n < len(base) {
		return someSegments(n, base), nil
	}
	var all []namedSegment
	for turn, text := range narrowings {
		for _, s := range base {
			if len(all) == n {
				return all, nil
			}
			if s.def, err = narrowed(s.def, text); err != nil {
				return nil, err
			}
			if turn > 0 {
				s.id = fmt.Sprintf("%s-%d", s.id, turn)
			}
			all = append(all, s)
		}
	}
	return all, nil
}

// someSegments are n from all over, none of which stands on others.
func someSegments(n int, of []namedSegment) (some []namedSegment) {
	for i := 0; i < len(of) && len(some) < n; i += max(1, len(of)/n) {
		if s := of[i]; !strings.Contains(s.def.Text(), `segment "`) {
			some = append(some, s)
		}
	}
	return some
}

func narrowed(def segment.Definition, text string) (segment.Definition, error) {
	if text == "" {
		return def, nil
	}
	by, err := segment.Parse("all contacts where " + text)
	if err != nil {
		return def, err
	}
	if def.Where != nil {
		by.Where = segment.All{def.Where, by.Where}
	}
	by.From = def.From
	return segment.Parse(by.Text())
}
