package pipeline

import (
	"fmt"
	"math/rand/v2"
	"strconv"
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
	for range some(60_000) {
		phone := starts[rng.IntN(len(starts))]
		for n := rng.IntN(4) + 8; n > 0; n-- {
			phone += string(rune('0' + rng.IntN(10)))
			if rng.IntN(5) == 0 {
				phone += string(" -.()/x,#a+"[rng.IntN(11)])
			}
		}
		checkPhone(t, &p, phone, regions[rng.IntN(len(regions))])
	}
	for range some(20_000) { // plain ones, in all formats, of all area codes
		area, exchange, line := 200+rng.IntN(800), 200+rng.IntN(800), rng.IntN(10_000)
		phone := nanpFormats[rng.IntN(len(nanpFormats))](area, exchange, line)
		region := regions[rng.IntN(5)]
		checkPhone(t, &p, phone, region)
		if isShort(&p, phone, region) {
			plain++
		}
	}
	if plain < some(14_000) {
		t.Errorf("only %d of %d plain numbers were read the short way", plain, some(20_000))
	}
}

// TestNoPhones takes what is none in ways that people and their systems have.
func TestNoPhones(t *testing.T) {
	rng, p := rand.New(rand.NewPCG(3, 3)), phones{}
	parts := []string{"n/a", "-", "none", "+", " ", "ext", "7", "12", "tel:", ";phone-context=+1", ";ext=", "x", "000", "999", "#", "*", ".", "１", "00", "810", "011"}
	short, all := 0, 0
	for range some(20_000) {
		var phone string
		for n := rng.IntN(5); n > 0; n-- {
			phone += parts[rng.IntN(len(parts))]
		}
		region := countryCodes[rng.IntN(len(countryCodes))]
		checkPhone(t, &p, phone, region)
		code := 200 + rng.IntN(800)
		phone = fmt.Sprintf("+%d %d", code, rng.Int64N(1e8)*rng.Int64N(1e9))
		checkPhone(t, &p, phone, region)
		if all++; isShort(&p, phone, region) {
			short++
		}
	}
	if short < all*9/10 {
		t.Errorf("only %d of %d codes and digits were read the short way", short, all)
	}
}

func checkPhone(t *testing.T, p *phones, phone, region string) {
	t.Helper()
	valid, in := p.facts([]byte(phone), region)
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

// TestPhonesOfAllRegions takes the library's example of every kind of number
// in every region, changes digits, and types it in the ways people do.
func TestPhonesOfAllRegions(t *testing.T) {
	rng, p := rand.New(rand.NewPCG(2, 2)), phones{}
	short, all := 0, 0
	for _, region := range countryCodes[1:] {
		m, err := metadata(region, 0)
		if err != nil {
			t.Fatal(err)
		}
		for kind := phonenumbers.FIXED_LINE; kind <= phonenumbers.VOICEMAIL; kind++ {
			example := phonenumbers.GetExampleNumberForType(region, kind)
			if example == nil {
				continue
			}
			national := phonenumbers.GetNationalSignificantNumber(example)
			for range some(3) {
				for _, phone := range typed(rng, m, changed(rng, national)) {
					checkPhone(t, &p, phone, region)
					all++
					if isShort(&p, phone, region) {
						short++
					}
				}
			}
		}
	}
	if short < all*3/4 {
		t.Errorf("only %d of %d were read the short way", short, all)
	}
}

// changed is a number with some of its last digits others, or one more or less.
func changed(rng *rand.Rand, national string) string {
	digits := []byte(national)
	for i := rng.IntN(len(digits)); i < len(digits); i++ {
		digits[i] = byte('0' + rng.IntN(10))
	}
	switch rng.IntN(8) {
	case 0:
		return string(digits[:len(digits)-1])
	case 1:
		return string(digits) + "7"
	}
	return string(digits)
}

func typed(rng *rand.Rand, m *phonenumbers.PhoneMetadata, national string) []string {
	spaced := national
	if len(national) > 5 {
		spaced = national[:2] + string(" -./"[rng.IntN(4)]) + national[2:5] + " " + national[5:]
	}
	calling := strconv.Itoa(int(m.GetCountryCode()))
	return []string{
		"+" + calling + national, "+" + calling + " (" + m.GetNationalPrefix() + ")" + spaced, national, " (" + spaced[:2] + ") " + spaced[2:] + " ",
		m.GetNationalPrefix() + spaced, "(" + m.GetNationalPrefix() + spaced[:2] + ")" + spaced[2:], calling + national, m.GetInternationalPrefix() + calling + national,
	}
}

// isShort tells whether a phone is read without the library.
func isShort(p *phones, phone, region string) bool {
	digits, international := p.plain([]byte(phone))
	if digits == nil {
		return false
	}
	_, sure := p.short(digits, international, region)
	return sure
}

// BenchmarkFirstPhones is what a partition takes to learn the numbers of some countries.
func BenchmarkFirstPhones(b *testing.B) {
	for b.Loop() {
		var p phones
		for _, phone := range []string{"+12125550123", "+447400123456", "+4915112345678", "+33612345678", "+919876543210"} {
			if valid, _ := p.facts([]byte(phone), "US"); !valid {
				b.Fatal(phone)
			}
		}
	}
}
