package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"rollcall/api"
)

type verifyCmd struct {
	Segment   string   `help:"Only who is in this segment of --account."`
	Contact   []string `help:"Only this contact of --account; several times for several."`
	Sample    int      `help:"Only about so many contacts, chosen at random."`
	Partition []int32  `help:"Only this partition; several times for several."`
}

// undone is a verification that could not be finished. It exits with 2, as 1
// means that something differs.
type undone struct{ error }

func (undone) ExitCode() int   { return 2 }
func (u undone) Unwrap() error { return u.error }

func (c *verifyCmd) Run(s *session) error {
	response, err := s.send("POST", "/v1/verifications", api.VerifyQuery{
		Account: s.Account, Segment: c.Segment, Contacts: c.Contact, Sample: c.Sample, Partitions: c.Partition,
	})
	if err != nil {
		return undone{err}
	}
	defer response.Body.Close()
	end, err := showVerification(s, response.Body)
	if err != nil {
		return undone{err}
	}
	if end.Differences > 0 {
		return fmt.Errorf("what is stored differs from the log in %d places", end.Differences)
	}
	return nil
}

type verifyLine struct {
	api.VerifyLine
	Failed *api.Problem `json:"failed"`
}

// showVerification prints the lines of a verification up to its end.
func showVerification(s *session, body io.Reader) (*api.VerifyEnd, error) {
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var line verifyLine
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			return nil, fmt.Errorf("the answer of %s is not what was expected: %w", s.Server, err)
		}
		if s.JSON {
			s.printf("%s\n", lines.Bytes())
		}
		switch {
		case line.Failed != nil:
			return nil, line.Failed
		case line.Difference != nil && !s.JSON:
			s.printf("%s\n", differenceLine(line.Difference))
		case line.Progress != nil && !s.JSON:
			fmt.Fprintf(s.stderr, "partition %d: %d records read, %d accounts compared\n",
				line.Progress.Partition, line.Progress.Records, line.Progress.Accounts)
		case line.End != nil:
			showEnd(s, line.End)
			return line.End, nil
		}
	}
	return nil, errors.Join(errors.New("the verification was cut off"), lines.Err())
}

func differenceLine(d *api.VerifyDifference) string {
	if d.More > 0 {
		return fmt.Sprintf("%s: and %d more", d.Kind, d.More)
	}
	var whose []string
	for _, name := range []string{d.Account, d.Contact, d.What} {
		if name != "" {
			whose = append(whose, plain(name))
		}
	}
	line := fmt.Sprintf("%s: partition %d", d.Kind, d.Partition)
	if d.Position != "" {
		line += " at " + d.Position
	}
	if len(whose) > 0 {
		line += ", " + strings.Join(whose, ", ")
	}
	line += ": got " + plain(d.Got)
	if d.Want != "" {
		line += ", want " + plain(d.Want)
	}
	return line
}

func showEnd(s *session, e *api.VerifyEnd) {
	if s.JSON {
		return
	}
	for _, note := range e.Notes {
		s.printf("note: %s\n", note)
	}
	s.printf("verified %d contacts and %d memberships in %d partitions, from %d records, at %s: %d differences\n",
		e.Contacts, e.Memberships, e.Partitions, e.Records, e.Position, e.Differences)
}
