package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
)

// partFlags say which part of a list to print, and how.
type partFlags struct {
	Slice      string `help:"A part of the list, such as 2/8, for one of several workers."`
	Cursor     string `help:"Go on after this cursor."`
	AllowStale bool   `help:"Take the answer even if the state is behind."`
}

type segmentArg struct {
	ID string `arg:"" complete:"segments" help:"The segment."`
	partFlags
}

type (
	segmentMembersCmd    struct{ segmentArg }
	segmentRecipientsCmd struct{ segmentArg }
)

func (c *segmentMembersCmd) Run(s *session) error { return c.print(s, segmentPath(c.ID)+"/members") }
func (c *segmentRecipientsCmd) Run(s *session) error {
	return c.print(s, segmentPath(c.ID)+"/recipients")
}

type listCmd struct {
	List       listListCmd       `cmd:"" help:"List marketing lists, forms and webinars, with how many contacts are on each."`
	Recipients listRecipientsCmd `cmd:"" help:"Print whom on a marketing list can be sent to, one to a line."`
}

type listRecipientsCmd struct {
	ID string `arg:"" help:"The marketing list."`
	partFlags
}

func (c *listRecipientsCmd) Run(s *session) error {
	return c.print(s, "/v1/lists/marketing/"+url.PathEscape(c.ID)+"/recipients")
}

func (f *partFlags) query() url.Values {
	query := url.Values{}
	for name, value := range map[string]string{"slice": f.Slice, "cursor": f.Cursor, "stale": stale(f.AllowStale)} {
		if value != "" {
			query.Set(name, value)
		}
	}
	return query
}

func (f *partFlags) print(s *session, path string) error {
	_, err := s.printList(path, f.query())
	return err
}

// printList prints a list, and returns what its end line says.
func (s *session) printList(path string, query url.Values) (end json.RawMessage, err error) {
	response, err := s.send("GET", path+"?"+query.Encode(), nil)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	out := bufio.NewWriter(s.stdout)
	end, err = copyList(out, response.Body, s.JSON)
	if flushErr := out.Flush(); err == nil {
		err = flushErr
	}
	return end, err
}

func stale(allowed bool) string {
	if allowed {
		return "allow"
	}
	return ""
}

type listLine struct {
	Contact string          `json:"contact"`
	Cursor  string          `json:"cursor"`
	End     json.RawMessage `json:"end"`
}

// copyList prints a list up to its end line, and returns what that says. A list
// without one is cut off, and whoever takes it for whole would leave people out.
func copyList(w io.Writer, list io.Reader, raw bool) (end json.RawMessage, err error) {
	lines := bufio.NewScanner(list)
	lines.Buffer(nil, 1<<20)
	var n int
	var cursor string
	for lines.Scan() {
		var line listLine
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			return nil, cutOff(n, cursor, err)
		}
		if raw {
			fmt.Fprintf(w, "%s\n", lines.Bytes())
		}
		if line.End != nil {
			return line.End, nil
		}
		if !raw {
			fmt.Fprintln(w, plain(line.Contact))
		}
		n++
		if line.Cursor != "" {
			cursor = line.Cursor
		}
	}
	return nil, cutOff(n, cursor, lines.Err())
}

func cutOff(n int, cursor string, cause error) error {
	err := fmt.Errorf("the list was cut off after %d contacts", n)
	if cursor != "" {
		err = fmt.Errorf("%w; --cursor %s goes on, and repeats some of them", err, cursor)
	}
	if cause != nil {
		err = fmt.Errorf("%w: %w", err, cause)
	}
	return err
}
