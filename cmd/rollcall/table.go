package main

import (
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"
)

// table prints columns for people. Nothing is printed with --json.
type table struct {
	*tabwriter.Writer
	quiet bool
}

func newTable(s *session, headings ...string) *table {
	t := &table{tabwriter.NewWriter(s.stdout, 0, 0, 2, ' ', 0), s.JSON}
	t.row(headings...)
	return t
}

func (t *table) row(cells ...string) {
	if t.quiet {
		return
	}
	fmt.Fprintln(t, strings.Join(cells, "\t"))
}

// count prints a number that may not be known yet.
func count(n *int64) string {
	if n == nil {
		return "-"
	}
	return strconv.FormatInt(*n, 10)
}

// plain prints an id or a name as it is, but in quotes if it could upset a
// terminal or look like two lines.
func plain(s string) string {
	for _, r := range s {
		if !strconv.IsPrint(r) {
			return strconv.Quote(s)
		}
	}
	return s
}
