package client

import (
	"context"
	"fmt"
	"net/url"
)

// maxChecked is how many contacts the server takes at once.
const maxChecked = 10_000

// Membership is the answer about one contact.
type Membership struct {
	Contact string `json:"contact"`
	// Member: the contact is in the segment.
	Member bool `json:"member"`
	// Sendable: it is, has a valid phone, is opted in and not opted out.
	Sendable bool `json:"sendable"`
	// Blocked says why it is not sendable: not_member, invalid_phone,
	// not_opted_in, opted_out.
	Blocked []string `json:"blocked"`
}

// Check asks about one contact. An answer that is not fresh is ErrNotFresh.
func (c *Client) Check(ctx context.Context, segment, contact string) (Membership, error) {
	results, _, err := c.CheckAll(ctx, segment, []string{contact})
	if err != nil {
		return Membership{}, err
	}
	return results[0], nil
}

// CheckAll asks about any number of contacts, and answers in their order. More
// than 10,000 take several requests; the freshness is that of the oldest answer.
// One that is not fresh makes all of it ErrNotFresh.
func (c *Client) CheckAll(ctx context.Context, segment string, contacts []string) ([]Membership, Freshness, error) {
	all := make([]Membership, 0, len(contacts))
	var oldest Freshness
	for from := 0; from < len(contacts); from += maxChecked {
		results, freshness, err := c.check(ctx, segment, contacts[from:min(from+maxChecked, len(contacts))])
		if err != nil {
			return nil, freshness, err
		}
		all = append(all, results...)
		if from == 0 || older(freshness, oldest) {
			oldest = freshness
		}
	}
	return all, oldest, nil
}

// older tells whether a says less than b.
func older(a, b Freshness) bool {
	if a.Fresh != b.Fresh {
		return b.Fresh
	}
	return a.AsOf.Before(b.AsOf)
}

func (c *Client) check(ctx context.Context, segment string, contacts []string) ([]Membership, Freshness, error) {
	var answer struct {
		Results   []Membership `json:"results"`
		Freshness Freshness    `json:"freshness"`
	}
	path := pathWith(segmentPath(segment)+"/check", c.stale(url.Values{}))
	if err := c.call(ctx, "POST", path, map[string]any{"contacts": contacts}, &answer); err != nil {
		return nil, answer.Freshness, err
	}
	if len(answer.Results) != len(contacts) {
		return nil, answer.Freshness, fmt.Errorf("asked about %d contacts, and was answered about %d", len(contacts), len(answer.Results))
	}
	if !answer.Freshness.Fresh && !c.config.AllowStale {
		return nil, answer.Freshness, ErrNotFresh
	}
	return answer.Results, answer.Freshness, nil
}
