package catalog

import (
	"errors"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"rollcall/pipeline/segment"
)

const (
	// DefaultTimezone and DefaultRetentionDays hold where an account names none.
	DefaultTimezone      = "UTC"
	DefaultRetentionDays = 730
	// MaxRetentionDays is about ten years.
	MaxRetentionDays = 3650
	// MaxNameBytes bounds the name of a segment.
	MaxNameBytes = 200

	maxTopicBytes = 249 // as Kafka has it
)

var (
	accountID = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,39}$`)
	segmentID = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,63}$`)
)

func checkAccountID(id string) error {
	if !accountID.MatchString(id) {
		return refuse(Invalid, "account id %q: expected 1 to 40 of a-z, 0-9 and -, not starting with -", id)
	}
	return nil
}

func checkSegmentID(id string) error {
	if !segmentID.MatchString(id) {
		return refuse(Invalid, "segment id %q: expected 1 to 64 of a-z, 0-9 and -, not starting with -", id)
	}
	return nil
}

func checkName(name string) error {
	if name == "" || len(name) > MaxNameBytes || !utf8.ValidString(name) {
		return refuse(Invalid, "the name of a segment has 1 to %d bytes of UTF-8", MaxNameBytes)
	}
	return nil
}

// loadZone refuses "" and "Local", which time.LoadLocation accepts: they mean
// something else on another machine.
func loadZone(name string) (*time.Location, error) {
	if name == "" || name == "Local" {
		return nil, refuse(Invalid, "time zone %q is not an IANA name such as America/New_York", name)
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, refuse(Invalid, "time zone %q is not an IANA name such as America/New_York", name)
	}
	return zone, nil
}

func checkRetention(days int) error {
	if days < 1 || days > MaxRetentionDays {
		return refuse(Invalid, "retention of %d days: expected 1 to %d", days, MaxRetentionDays)
	}
	return nil
}

// checkRegion takes the countries that definitions may name.
func checkRegion(region string) error {
	if region == "" {
		return nil
	}
	def := segment.Definition{Where: segment.PhoneIn{Countries: []string{region}}}
	if err := segment.Check(def, segment.Limits{}); err != nil || region != strings.ToUpper(region) {
		return refuse(Invalid, "default region %q is not an ISO 3166-1 alpha-2 country code such as US", region)
	}
	return nil
}

func checkDefinition(retention int, segments map[string]*Segment, id string, def segment.Definition) error {
	if err := segment.Check(def, segment.Limits{RetentionDays: retention}); err != nil {
		return &Refusal{Kind: Invalid, Detail: err.Error(), Cause: err}
	}
	named := parents(def)
	for _, parent := range named {
		if segments[parent] == nil && parent != id {
			return unknownSegment(parent)
		}
	}
	if path := circle(segments, id, named); path != nil {
		return &Refusal{Kind: Invalid, Detail: "a segment can't stand on itself: " + strings.Join(path, " -> "), Names: path}
	}
	return nil
}

func unknownSegment(id string) error { return refuse(Invalid, "there is no segment %q", id) }

// circle returns the way from id over parents back to id, or nil.
func circle(segments map[string]*Segment, id string, parents []string) []string {
	seen := map[string]bool{}
	var walk func(path, next []string) []string
	walk = func(path, next []string) []string {
		for _, at := range next {
			if at == id {
				return append(slices.Clone(path), id)
			}
			if seen[at] {
				continue
			}
			seen[at] = true
			if found := walk(append(path, at), segments[at].Parents); found != nil {
				return found
			}
		}
		return nil
	}
	return walk([]string{id}, parents)
}

// asRefusal keeps refusals and turns any other error into one.
func asRefusal(err error) error {
	if err == nil {
		return nil
	}
	if refusal, ok := errors.AsType[*Refusal](err); ok {
		return refusal
	}
	return &Refusal{Kind: Invalid, Detail: err.Error(), Cause: err}
}
