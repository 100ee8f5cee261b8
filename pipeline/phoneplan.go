package pipeline

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"sync"

	"github.com/nyaruka/phonenumbers"
)

// Numbers without their calling code, and calling codes, in digits, as the
// library has it.
const (
	shortestNational = 2
	longestNational  = 17
	longestCalling   = 3
)

// metadataOf finds the library's metadata, by region or, for those of no
// region, by calling code.
var metadataOf = sync.OnceValues(func() (regions map[string]*phonenumbers.PhoneMetadata, err error) {
	all, err := phonenumbers.MetadataCollection()
	if err != nil {
		return nil, err
	}
	regions = map[string]*phonenumbers.PhoneMetadata{}
	for _, m := range all.GetMetadata() {
		regions[metadataKey(m.GetId(), int(m.GetCountryCode()))] = m
	}
	return regions, nil
})

const noRegion = "001" // what the library calls the region of, say, +800

func metadataKey(region string, calling int) string {
	if region == noRegion {
		return strconv.Itoa(calling)
	}
	return region
}

func metadata(region string, calling int) (*phonenumbers.PhoneMetadata, error) {
	all, err := metadataOf()
	if err != nil {
		return nil, err
	}
	m := all[metadataKey(region, calling)]
	if m == nil || len(m.GetGeneralDesc().GetPossibleLength()) == 0 {
		return nil, fmt.Errorf("region %s has no metadata", region)
	}
	return m, nil
}

// dialling is how numbers are dialled in a region, as the library has it.
type dialling struct {
	calling  []byte // calling code
	main     string // the main region of that
	patterns *automaton
	general  pattern // what its numbers look like
	idd      pattern // begins with an international prefix
	prefixed pattern // begins with a national prefix

	prefix      *regexp.Regexp // nil: there is none
	plainPrefix int            // length of the national prefix if it is always the same; 0: it is not
	transformed bool           // the prefix may become something else instead of going
	lengths     lengths
}

func newDialling(region string, calling int) (*dialling, error) {
	m, err := metadata(region, calling)
	if err != nil {
		return nil, err
	}
	d := &dialling{
		calling: strconv.AppendInt(nil, int64(m.GetCountryCode()), 10), patterns: newAutomaton(),
		main:        phonenumbers.GetRegionCodeForCountryCode(int(m.GetCountryCode())),
		transformed: m.GetNationalPrefixTransformRule() != "", lengths: lengthsOf(m.GetGeneralDesc()),
	}
	expressions := []string{m.GetGeneralDesc().GetNationalNumberPattern(), begins(m.GetInternationalPrefix()), begins(m.GetNationalPrefixForParsing())}
	for i, p := range []*pattern{&d.general, &d.idd, &d.prefixed} {
		if *p, err = d.patterns.add(expressions[i]); err != nil {
			return nil, err
		}
	}
	if prefix := m.GetNationalPrefixForParsing(); prefix != "" {
		d.prefix = regexp.MustCompile("^(?:" + prefix + ")")
		if literal, whole := regexp.MustCompile(prefix).LiteralPrefix(); whole && !d.transformed {
			d.plainPrefix = len(literal)
		}
	}
	return d, nil
}

// begins is a pattern for digits that begin with another.
func begins(expression string) string { return "(?:" + expression + ")[0-9]*" }

func (d *dialling) matches(digits []byte, p pattern) bool {
	return d.patterns.states[d.patterns.run(digits)].matches(p)
}

// withoutPrefix takes a national prefix off. It is not sure where that may
// become something else.
func (d *dialling) withoutPrefix(digits []byte) (rest []byte, sure bool) {
	if d.prefix == nil || len(digits) == 0 {
		return digits, true
	}
	state := &d.patterns.states[d.patterns.run(digits)]
	if !state.matches(d.prefixed) {
		return digits, true
	}
	end := d.plainPrefix
	if end == 0 {
		at := d.prefix.FindSubmatchIndex(digits)
		if last := at[len(at)-2]; d.transformed && last >= 0 {
			return nil, false
		}
		end = at[1]
	}
	if state.matches(d.general) && !d.matches(digits[end:], d.general) {
		return digits, true
	}
	return digits[end:], true
}

// lengths are the possible ones of numbers: of all, and of those that can only
// be dialled nearby.
type lengths struct{ possible, local []int32 }

func lengthsOf(d *phonenumbers.PhoneNumberDesc) lengths {
	return lengths{d.GetPossibleLength(), d.GetPossibleLengthLocalOnly()}
}

func (l *lengths) tooLong(n int) bool {
	return !slices.Contains(l.local, int32(n)) && l.possible[0] != -1 && int32(n) > l.possible[len(l.possible)-1]
}

// allow tells whether a national prefix is to go if that leaves so many digits.
func (l *lengths) allow(n int) bool {
	if slices.Contains(l.local, int32(n)) || l.possible[0] == -1 {
		return false
	}
	return slices.Contains(l.possible, int32(n)) || int32(n) > l.possible[len(l.possible)-1]
}

// callingCode is what the library knows of the numbers of a calling code.
type callingCode struct {
	patterns *automaton
	regions  []callingRegion
	answers  map[answerKey]phoneAnswer
}

// answerKey is what the library's answer depends on.
type answerKey struct {
	state  int32
	length int
}

type phoneAnswer struct {
	valid bool
	in    country
}

// callingRegion is one of the regions of a calling code.
type callingRegion struct {
	code    string
	leading pattern // begins as only numbers of the region do; -1: anything may
	general numberKind
	kinds   []numberKind
}

// numberKind is a description of numbers.
type numberKind struct {
	pattern  pattern
	possible []int32 // lengths; empty: any
}

func newCallingCode(calling int) (*callingCode, error) {
	c := &callingCode{patterns: newAutomaton(), answers: map[answerKey]phoneAnswer{}}
	for _, region := range phonenumbers.GetRegionCodesForCountryCode(calling) {
		m, err := metadata(region, calling)
		if err == nil && int(m.GetCountryCode()) != calling {
			err = fmt.Errorf("region %s is of another calling code than %d", region, calling)
		}
		if err == nil {
			err = c.add(region, m)
		}
		if err != nil {
			return nil, err
		}
	}
	return c, nil
}

func (c *callingCode) add(region string, m *phonenumbers.PhoneMetadata) (err error) {
	r := callingRegion{code: region, leading: -1}
	if leading := m.GetLeadingDigits(); leading != "" {
		if r.leading, err = c.patterns.add(begins(leading)); err != nil {
			return err
		}
	}
	kinds := []*phonenumbers.PhoneNumberDesc{
		m.GetGeneralDesc(), m.GetPremiumRate(), m.GetTollFree(), m.GetSharedCost(), m.GetVoip(), m.GetPersonalNumber(),
		m.GetPager(), m.GetUan(), m.GetVoicemail(), m.GetFixedLine(),
	}
	if !m.GetSameMobileAndFixedLinePattern() {
		kinds = append(kinds, m.GetMobile())
	}
	for _, kind := range kinds {
		p, err := c.patterns.add(kind.GetNationalNumberPattern())
		if err != nil {
			return err
		}
		r.kinds = append(r.kinds, numberKind{p, kind.GetPossibleLength()})
	}
	r.general, r.kinds = r.kinds[0], r.kinds[1:]
	c.regions = append(c.regions, r)
	return nil
}

// judge tells whether a number is valid, and where.
func (c *callingCode) judge(national []byte) phoneAnswer {
	key := answerKey{c.patterns.run(national), len(national)}
	answer, known := c.answers[key]
	if !known {
		answer = c.answer(&c.patterns.states[key.state], key.length)
		c.answers[key] = answer
	}
	return answer
}

func (c *callingCode) answer(s *automatonState, length int) phoneAnswer {
	for i := range c.regions {
		r := &c.regions[i]
		is := len(c.regions) == 1 || r.leading >= 0 && s.matches(r.leading)
		valid := r.valid(s, length)
		if is || r.leading < 0 && valid {
			return phoneAnswer{valid, countryByCode[r.code]}.orNone()
		}
	}
	return phoneAnswer{}
}

// orNone leaves out the country of a number that is not valid.
func (a phoneAnswer) orNone() phoneAnswer {
	if !a.valid {
		return phoneAnswer{}
	}
	return a
}

func (r *callingRegion) valid(s *automatonState, length int) bool {
	return r.general.is(s, length) && slices.ContainsFunc(r.kinds, func(k numberKind) bool { return k.is(s, length) })
}

func (k *numberKind) is(s *automatonState, length int) bool {
	return s.matches(k.pattern) && (len(k.possible) == 0 || slices.Contains(k.possible, int32(length)))
}
