package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"time"

	"rollcall/api"
)

type segmentChangesCmd struct {
	ID    string `arg:"" help:"The segment."`
	Since string `help:"A day, a time as RFC 3339 has it, or a cursor that was printed. Default: all that is kept, a week."`
}

// Run prints all there is. The server reads a bounded part for one request.
func (c *segmentChangesCmd) Run(s *session) (err error) {
	out := bufio.NewWriter(s.stdout)
	defer func() { err = cmp.Or(err, out.Flush()) }()
	for since := c.Since; ; {
		response, err := s.send("GET", segmentPath(c.ID)+"/changes?"+url.Values{"since": {since}}.Encode(), nil)
		if err != nil {
			return err
		}
		end, err := copyChanges(out, response.Body, s.JSON)
		response.Body.Close()
		if err != nil {
			return err
		}
		if end.Since != nil {
			fmt.Fprintf(s.stderr, "some from before %s are no longer kept\n", end.Since.Format(time.RFC3339))
		}
		if since = end.Cursor; !end.More {
			fmt.Fprintf(s.stderr, "to go on later: --since %s\n", end.Cursor)
			return nil
		}
	}
}

type changesEnd struct {
	Cursor string     `json:"cursor"`
	Since  *time.Time `json:"since"`
	More   bool       `json:"more"`
}

type changeLine struct {
	api.ToldChange
	End *changesEnd `json:"end"`
}

// copyChanges prints changes up to their end line.
func copyChanges(w io.Writer, changes io.Reader, raw bool) (*changesEnd, error) {
	lines := bufio.NewScanner(changes)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var line changeLine
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			return nil, fmt.Errorf("the changes were cut off: %w", err)
		}
		if raw {
			fmt.Fprintf(w, "%s\n", lines.Bytes())
		}
		if line.End != nil {
			return line.End, nil
		}
		if !raw {
			fmt.Fprintf(w, "%s  %-7s  %-10s  %s\n", line.At.Format(time.RFC3339), line.Change, line.Cause, plain(line.Contact))
		}
	}
	return nil, errors.Join(errors.New("the changes were cut off"), lines.Err())
}
