package pipeline

import (
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"github.com/nyaruka/phonenumbers"
)

// expressionsOf are the patterns of a region's numbers.
func expressionsOf(m *phonenumbers.PhoneMetadata) (all []string) {
	for _, kind := range []*phonenumbers.PhoneNumberDesc{
		m.GetGeneralDesc(), m.GetFixedLine(), m.GetMobile(), m.GetTollFree(), m.GetPremiumRate(), m.GetSharedCost(), m.GetVoip(), m.GetUan(),
	} {
		all = append(all, kind.GetNationalNumberPattern())
	}
	return append(all, begins(m.GetInternationalPrefix()), begins(m.GetNationalPrefixForParsing()), begins(m.GetLeadingDigits()))
}

// TestAutomatonAgreesWithRegexp runs digits against the patterns of all regions,
// and looks at how many states that takes.
func TestAutomatonAgreesWithRegexp(t *testing.T) {
	rng, unread := rand.New(rand.NewPCG(3, 3)), 0
	for _, region := range countryCodes[1:] {
		m, err := metadata(region, 0)
		if err != nil {
			t.Fatal(err)
		}
		a, naive := newAutomaton(), []*regexp.Regexp{}
		for _, e := range expressionsOf(m) {
			if _, err := a.add(e); err != nil {
				unread++
				continue
			}
			naive = append(naive, regexp.MustCompile("^(?:"+e+")$"))
		}
		examples := []string{"", "0"}
		for kind := phonenumbers.FIXED_LINE; kind <= phonenumbers.VOICEMAIL; kind++ {
			if n := phonenumbers.GetExampleNumberForType(region, kind); n != nil {
				examples = append(examples, phonenumbers.GetNationalSignificantNumber(n))
			}
		}
		for range 300 {
			digits := examples[rng.IntN(len(examples))]
			digits = strings.Repeat("0", rng.IntN(8)/7) + digits[:rng.IntN(len(digits)+1)]
			for n := rng.IntN(6); n > 0; n-- {
				digits += string(rune('0' + rng.IntN(10)))
			}
			state := &a.states[a.run([]byte(digits))]
			for i, re := range naive {
				if got, want := state.matches(pattern(i)), re.MatchString(digits); got != want {
					t.Fatalf("%s: %q matches %s: %v, package regexp says %v", region, digits, re, got, want)
				}
			}
		}
	}
	if unread > 40 { // of 2,700
		t.Errorf("%d expressions are none for an automaton", unread)
	}
}

// TestAutomatonStaysSmall runs many numbers: their states are of the patterns,
// and not of the numbers.
func TestAutomatonStaysSmall(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	for _, calling := range []int{1, 7, 39, 44, 49, 55, 91} {
		c, err := newCallingCode(calling)
		if err != nil {
			t.Fatal(err)
		}
		run := func(n int) int {
			for range n {
				digits := make([]byte, 4+rng.IntN(10))
				for i := range digits {
					digits[i] = byte('0' + rng.IntN(10))
				}
				c.judge(digits)
			}
			return len(c.patterns.states)
		}
		if n := run(300_000); n > 2000 {
			t.Errorf("+%d: %d states", calling, n)
		}
	}
}
