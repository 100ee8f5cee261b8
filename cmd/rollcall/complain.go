package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"strings"

	"rollcall/api"
	"rollcall/client"
)

// inText is a problem with a definition that was given as text.
type inText struct {
	text string
	*api.Problem
}

func (e inText) Unwrap() error { return e.Problem }

// placed remembers the text that an error may be about.
func placed(text string, err error) error {
	if p, ok := errors.AsType[*api.Problem](err); ok && p.At != nil && p.At.Line > 0 {
		return inText{text, p}
	}
	return err
}

// complain prints an error for people.
func complain(w io.Writer, err error) {
	if e, ok := errors.AsType[inText](err); ok {
		fmt.Fprint(w, caret(e.text, e.At.Line, e.At.Column))
	}
	fmt.Fprintf(w, "rollcall: %v\n", err)
	if _, ok := errors.AsType[*client.Unreachable](err); ok {
		fmt.Fprintln(w, `Is "rollcall serve" running there? --server names another place.`)
	}
	if p, ok := errors.AsType[*api.Problem](err); ok {
		explain(w, p)
	}
}

// explain prints what a problem carries beside its detail.
func explain(w io.Writer, p *api.Problem) {
	for _, fault := range p.Errors {
		fmt.Fprintln(w, " ", strings.TrimPrefix(cmp.Or(fault.Location, "request")+": "+fault.Message, ": "))
	}
	if p.Freshness != nil {
		for _, missing := range p.Freshness.Missing {
			fmt.Fprintln(w, "  behind:", missing)
		}
	}
	switch p.Status {
	case 401:
		fmt.Fprintln(w, "Give a token with --token or ROLLCALL_TOKEN.")
	case 403:
		fmt.Fprintf(w, "%s.\n", p.Title)
	}
}

// caret shows a line of text, and points at a column in it, both from 1.
func caret(text string, line, column int) string {
	lines := strings.Split(text, "\n")
	if line < 1 || line > len(lines) {
		return ""
	}
	shown := strings.TrimSuffix(lines[line-1], "\r")
	indent := strings.Map(func(r rune) rune {
		if r == '\t' {
			return r // as wide as above
		}
		return ' '
	}, firstRunes(shown, column-1))
	return "  " + shown + "\n  " + indent + "^\n"
}

func firstRunes(s string, n int) string {
	runes := []rune(s)
	return string(runes[:min(max(n, 0), len(runes))])
}
