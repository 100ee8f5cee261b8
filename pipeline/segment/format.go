package segment

import (
	"strings"
	"unicode/utf8"
)

// Format is the text of a definition for people to read: on one line if it is
// no wider than width characters, and else with a line for each condition, those
// of a group that is too wide itself indented. Parse reads it like Text.
func (d Definition) Format(width int) string {
	text := d.Text()
	if d.Where == nil || utf8.RuneCountInString(text) <= width {
		return text
	}
	f := formatter{width: width}
	f.WriteString(d.From.String())
	f.WriteString("\nwhere ")
	f.condition(normalise(d.Where), len("where "), 2, false)
	return f.String()
}

type formatter struct {
	strings.Builder
	width int
}

// condition writes a condition from a column on. Its further lines are indented.
// See writeCondition for alone.
func (f *formatter) condition(c Condition, column, indent int, alone bool) {
	var line strings.Builder
	writeCondition(&line, c, alone)
	if column+utf8.RuneCountInString(line.String()) <= f.width {
		f.WriteString(line.String())
		return
	}
	switch c := c.(type) {
	case All:
		f.lines(c, "and ", column, indent, true, alone)
	case Any:
		f.lines(c, "or ", column, indent, false, alone)
	case Not:
		f.WriteString("not ")
		f.condition(c.Of, column+len("not "), indent, true)
	default:
		f.WriteString(line.String())
	}
}

// lines writes each condition on a line of its own.
func (f *formatter) lines(list []Condition, joint string, column, indent int, alone, parentheses bool) {
	if parentheses {
		f.WriteByte('(')
		defer f.WriteByte(')')
		column++
	}
	for i, c := range list {
		if i > 0 {
			f.WriteByte('\n')
			f.WriteString(strings.Repeat(" ", indent))
			f.WriteString(joint)
			column = indent + len(joint)
		}
		f.condition(c, column, indent+2, alone)
	}
}
