package main

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strconv"
	"time"

	"rollcall/api"
)

type lettersCmd struct {
	List  lettersListCmd  `cmd:"" help:"List dead letters, the newest first."`
	Show  lettersShowCmd  `cmd:"" help:"Show a dead letter with its bytes."`
	Retry lettersRetryCmd `cmd:"" help:"Read the records of dead letters once more, after what was wrong is mended."`
}

type lettersListCmd struct {
	Reason string    `help:"Only those of this code."`
	Topic  string    `help:"Only those whose record first stood in this topic."`
	From   time.Time `help:"Only those that failed then or later."`
	Limit  int       `default:"100" help:"How many at most."`
	After  string    `help:"Go on after a page."`
	Count  bool      `help:"Only count them, by reason."`
}

func (c *lettersListCmd) query(account string) string {
	q := url.Values{"limit": {strconv.Itoa(c.Limit)}}
	for name, value := range map[string]string{"reason": c.Reason, "topic": c.Topic, "account": account, "after": c.After} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if !c.From.IsZero() {
		q.Set("from", c.From.Format(time.RFC3339Nano))
	}
	return q.Encode()
}

func (c *lettersListCmd) Run(s *session) error {
	return call(s, "GET", "/v1/dead-letters?"+c.query(s.Account), nil, func(page api.LetterPage) {
		if c.Count {
			showCounts(s, "DEAD LETTERS", page.Reasons)
			return
		}
		t := newTable(s, "ID", "REASON", "TOPIC", "PARTITION", "OFFSET", "TIME", "ACCOUNT", "BYTES")
		for _, d := range page.Letters {
			t.row(d.ID, d.Reason, plain(d.Topic), strconv.Itoa(int(d.Partition)), strconv.FormatInt(d.Offset, 10),
				d.Time.Format(time.RFC3339), d.Account, strconv.Itoa(d.Bytes))
		}
		t.Flush()
		if page.Next != "" {
			s.printf("%d of %d; more with --after %s\n", len(page.Letters), page.Count, page.Next)
		}
	})
}

type lettersShowCmd struct {
	ID string `arg:"" help:"As dead-letters list shows it."`
}

// contentAnswer is bytes as the API shows them.
type contentAnswer struct {
	Text      *string `json:"text"`
	Base64    []byte  `json:"base64"`
	Bytes     int     `json:"bytes"`
	Truncated bool    `json:"truncated"`
}

func (c *contentAnswer) String() string {
	if c == nil {
		return "(none)"
	}
	text := "base64 " + base64.StdEncoding.EncodeToString(c.Base64)
	if c.Text != nil {
		text = plain(*c.Text)
	}
	if c.Truncated {
		text += " ... (" + strconv.Itoa(c.Bytes) + " bytes in all)"
	}
	return text
}

func (c *lettersShowCmd) Run(s *session) error {
	type detail struct {
		api.DeadLetter
		Key     *contentAnswer `json:"key"`
		Value   *contentAnswer `json:"value"`
		Headers []struct {
			Name string `json:"name"`
			contentAnswer
		} `json:"headers"`
	}
	return call(s, "GET", "/v1/dead-letters/"+url.PathEscape(c.ID), nil, func(d detail) {
		s.printf("%s: %s\n", d.ID, d.Reason)
		s.printf("first stood in %s, partition %d, offset %d, at %s\n", plain(d.Topic), d.Partition, d.Offset, d.Time.Format(time.RFC3339))
		s.printf("failed at %s\n", d.Failed.Format(time.RFC3339))
		s.printf("key    %s\nvalue  %s\n", d.Key, d.Value)
		for _, h := range d.Headers {
			s.printf("header %s: %s\n", plain(h.Name), &h.contentAnswer)
		}
	})
}

type lettersRetryCmd struct {
	IDs    []string `arg:"" optional:"" name:"id" help:"As dead-letters list shows them."`
	Reason string   `help:"All of this code."`
	Topic  string   `help:"All whose record first stood in this topic."`
	All    bool     `help:"All; with --account those of an account."`
}

// body says which; the account may be there for other commands.
func (c *lettersRetryCmd) body(account string) map[string]any {
	switch {
	case len(c.IDs) > 0:
		return map[string]any{"ids": c.IDs}
	case c.Reason == "" && c.Topic == "" && !c.All:
		return map[string]any{} // which is refused
	}
	body := map[string]any{}
	for name, value := range map[string]string{"reason": c.Reason, "topic": c.Topic, "account": account} {
		if value != "" {
			body[name] = value
		}
	}
	if c.All {
		body["all"] = true
	}
	return body
}

func (c *lettersRetryCmd) Run(s *session) error {
	body := c.body(s.Account)
	var sum api.Retried
	for more := true; more; {
		r, err := fetch[api.Retried](s, "POST", "/v1/dead-letters/retry", body)
		if err != nil {
			return err
		}
		sum.Retried, sum.Missing, sum.TooLarge = sum.Retried+r.Retried, sum.Missing+r.Missing, sum.TooLarge+r.TooLarge
		body["after"], more = r.Next, r.Next != ""
	}
	if s.JSON {
		return json.NewEncoder(s.stdout).Encode(sum)
	}
	s.printf("%d retried, %d not there any more, %d too large\n", sum.Retried, sum.Missing, sum.TooLarge)
	return nil
}
