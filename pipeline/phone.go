package pipeline

import (
	"runtime/debug"
	"slices"
	"strings"

	"github.com/nyaruka/phonenumbers"
)

// phoneMetadata names the version of what says which phones are valid.
var phoneMetadata = func() string {
	const library = "github.com/nyaruka/phonenumbers"
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, dep := range info.Deps {
			if dep.Path == library {
				return library + " " + dep.Version
			}
		}
	}
	return library
}()

// country is a small number for an ISO 3166-1 code; 0 is none. The numbers
// hold within a process: what is stored is the code.
type country uint8

var (
	countryCodes  = sortedRegions()
	countryByCode = indexCountries()
)

func sortedRegions() []string {
	codes := []string{""}
	for code := range phonenumbers.GetSupportedRegions() {
		codes = append(codes, code)
	}
	slices.Sort(codes)
	return codes
}

func indexCountries() map[string]country {
	index := make(map[string]country, len(countryCodes))
	for i, code := range countryCodes {
		index[code] = country(i)
	}
	return index
}

func (c country) String() string { return countryCodes[c] }

// phones derives from a phone, as its owner typed it, whether it is valid and
// in which country. The number itself goes no further. It is not safe for
// concurrent use.
type phones struct {
	// The country of plain numbers by area code and exchange, as the library said
	// of the first. Only the US and Canada: there, and not in all of +1, the last
	// four digits make no difference to it.
	exchanges map[uint64]country
}

const lineDigits = 10_000

func (p *phones) facts(phone, region string) (valid bool, in country) {
	if number := parseNANP(phone, region); number != nil {
		exchange := number.GetNationalNumber() / lineDigits
		if in, known := p.exchanges[exchange]; known {
			return true, in
		}
		valid, in = judge(number)
		if code := in.String(); valid && (code == "US" || code == "CA") {
			if p.exchanges == nil {
				p.exchanges = map[uint64]country{}
			}
			p.exchanges[exchange] = in
		}
		return valid, in
	}
	number, err := phonenumbers.Parse(phone, region)
	if err != nil {
		return false, 0
	}
	return judge(number)
}

// judge asks the library. IsValidNumber would look for the region once more.
func judge(number *phonenumbers.PhoneNumber) (valid bool, in country) {
	code := phonenumbers.GetRegionCodeForNumber(number)
	if !phonenumbers.IsValidNumberForRegion(number, code) {
		return false, 0
	}
	return true, countryByCode[code]
}

const nanpDigits = 10

// parseNANP reads the plain ways to write a number of the North American
// Numbering Plan - 2125550123, 212-555-0123, (212) 555-0123, +1 and any of them
// - where the library's general parser would find the same. It is nil where
// that is not sure.
func parseNANP(phone, region string) *phonenumbers.PhoneNumber {
	rest, international := strings.CutPrefix(phone, "+1")
	if !international && !isNANP[region] {
		return nil
	}
	if international {
		rest = strings.TrimPrefix(strings.TrimPrefix(rest, " "), "-")
	}
	if len(rest) > 5 && rest[0] == '(' && rest[4] == ')' {
		rest = rest[1:4] + "-" + strings.TrimPrefix(rest[5:], " ")
	}
	national, digits, separated := uint64(0), 0, true
	for _, c := range []byte(rest) {
		switch {
		case c >= '0' && c <= '9':
			if digits == 0 && c < '2' {
				return nil // a prefix, perhaps
			}
			national, digits, separated = national*10+uint64(c-'0'), digits+1, false
		case (c == ' ' || c == '-' || c == '.') && !separated:
			separated = true
		default:
			return nil
		}
	}
	if digits != nanpDigits || separated {
		return nil
	}
	one := int32(1)
	return &phonenumbers.PhoneNumber{CountryCode: &one, NationalNumber: &national}
}

var isNANP = func() map[string]bool {
	regions := map[string]bool{}
	for _, code := range countryCodes {
		if code != "" && phonenumbers.GetCountryCodeForRegion(code) == 1 {
			regions[code] = true
		}
	}
	return regions
}()
