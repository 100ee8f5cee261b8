package segment

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Error says where a definition is wrong and what would have been right.
// Parse, ParseJSON and Check return no other error.
type Error struct {
	Path         string // the place in the JSON form, such as where.all[1].clicked.last_days; empty for text
	Offset       int    // the place in text, or in malformed JSON, in bytes from 0
	Line, Column int    // Offset as people count: from 1, columns in characters; 0 where Path is the place

	Expected   string // such as: a number of days from 1 to 10,000
	Found      string // such as: "0"
	Reason     string // the complaint as a sentence, where Expected and Found alone would say less
	Suggestion string // what was probably meant; empty if nothing is near
}

// Error is the place and the complaint in one line.
func (e *Error) Error() string {
	complaint := e.Reason
	if complaint == "" {
		complaint = "expected " + e.Expected + ", found " + e.Found
	}
	if e.Suggestion != "" {
		complaint += "; did you mean " + quote(e.Suggestion) + "?"
	}
	return e.place() + complaint
}

func (e *Error) place() string {
	switch {
	case e.Path != "":
		return e.Path + ": "
	case e.Line > 0:
		return fmt.Sprintf("line %d, column %d: ", e.Line, e.Column)
	default:
		return ""
	}
}

// in places the error at a byte of text.
func (e *Error) in(text string, offset int) *Error {
	before := text[:offset]
	e.Offset = offset
	e.Line = 1 + strings.Count(before, "\n")
	e.Column = 1 + utf8.RuneCountInString(before[1+strings.LastIndexByte(before, '\n'):])
	return e
}

// at places the error at a path of the JSON form.
func (e *Error) at(path string) *Error {
	e.Path = path
	return e
}

// field is the path of a field of the object at path.
func field(path, name string) string {
	switch {
	case !plain(name):
		return path + "[" + quote(name) + "]"
	case path == "":
		return name
	default:
		return path + "." + name
	}
}

func plain(name string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"
	return name != "" && len(name) <= shownBytes && strings.Trim(name, letters) == ""
}

// item is the path of an element of the array at path.
func item(path string, i int) string {
	return path + "[" + strconv.Itoa(i) + "]"
}

// shownBytes is about how much of a long input an error repeats.
const shownBytes = 40

// quote shows a piece of input in an error, shortened if it is long.
func quote(s string) string { return string(appendQuoted(nil, cut(s))) }

func cut(s string) string {
	if len(s) <= shownBytes {
		return s
	}
	return strings.ToValidUTF8(s[:shownBytes], "") + "…"
}

// either writes `"a", "b" or "c"`.
func either(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = `"` + w + `"`
	}
	last := len(quoted) - 1
	if last < 1 {
		return strings.Join(quoted, "")
	}
	return strings.Join(quoted[:last], ", ") + " or " + quoted[last]
}

// grouped writes 10000 as 10,000.
func grouped(n int) string {
	if n < 1000 {
		return strconv.Itoa(n)
	}
	return fmt.Sprintf("%s,%03d", grouped(n/1000), n%1000)
}
