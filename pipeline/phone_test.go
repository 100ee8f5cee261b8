package pipeline

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/nyaruka/phonenumbers"
)

// stockFacts is phones.facts as the library alone has it.
func stockFacts(phone, region string) (bool, country) {
	number, err := phonenumbers.Parse(phone, region)
	if err != nil || !phonenumbers.IsValidNumber(number) {
		return false, 0
	}
	return true, countryByCode[phonenumbers.GetRegionCodeForNumber(number)]
}

func TestPhoneFactsAgreeWithTheLibrary(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	regions := []string{"US", "CA", "PR", "JM", "BS", "DE", "GB", "IT", "", "ZZ", "AU", "us"}
	starts := []string{"", "+", "+1", "1", "+1 ", "001", "+44", "+49 ", "011", "(", "tel:", "+1-", "(212) ", "+1(212)", "+1 (305) ", "(2"}
	plain, p := 0, phones{}
	for range 60_000 {
		phone := starts[rng.IntN(len(starts))]
		for n := rng.IntN(4) + 8; n > 0; n-- {
			phone += string(rune('0' + rng.IntN(10)))
			if rng.IntN(5) == 0 {
				phone += string(" -.()/x,#a+"[rng.IntN(11)])
			}
		}
		checkPhone(t, &p, phone, regions[rng.IntN(len(regions))])
	}
	for range 20_000 { // plain ones, in all formats, of all area codes
		area, exchange, line := 200+rng.IntN(800), 200+rng.IntN(800), rng.IntN(10_000)
		phone := nanpFormats[rng.IntN(len(nanpFormats))](area, exchange, line)
		region := regions[rng.IntN(5)]
		checkPhone(t, &p, phone, region)
		if parseNANP(phone, region) != nil {
			plain++
		}
	}
	if plain < 14_000 {
		t.Errorf("only %d of 20,000 plain numbers were read the short way", plain)
	}
}

func checkPhone(t *testing.T, p *phones, phone, region string) {
	t.Helper()
	valid, in := p.facts(phone, region)
	wantValid, wantIn := stockFacts(phone, region)
	if valid != wantValid || in != wantIn {
		t.Errorf("%q in %q: %v %v, the library says %v %v", phone, region, valid, in, wantValid, wantIn)
	}
}

var nanpFormats = []func(area, exchange, line int) string{
	format("+1%03d%03d%04d"), format("%03d%03d%04d"), format("%03d-%03d-%04d"), format("+1 %03d %03d %04d"),
	format("%03d.%03d.%04d"), format("(%03d) %03d-%04d"), format("1-%03d-%03d-%04d"), format("+1 (%03d) %03d-%04d"),
}

func format(f string) func(area, exchange, line int) string {
	return func(area, exchange, line int) string { return fmt.Sprintf(f, area, exchange, line) }
}

// TestLineNumbersMakeNoDifference holds what is remembered of an exchange
// against other numbers in it.
func TestLineNumbersMakeNoDifference(t *testing.T) {
	rng, p := rand.New(rand.NewPCG(2, 2)), phones{}
	for range 10_000 {
		exchange := fmt.Sprintf("%03d%03d", 200+rng.IntN(800), rng.IntN(1000))
		for range 3 {
			checkPhone(t, &p, fmt.Sprintf("+1%s%04d", exchange, rng.IntN(lineDigits)), "")
		}
	}
}
