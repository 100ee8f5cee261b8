package pipeline

import (
	"slices"

	"github.com/nyaruka/phonenumbers"
)

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

// phoneFacts derives from a phone, as its owner typed it, whether it is valid
// and in which country. The number itself goes no further.
func phoneFacts(phone, region string) (valid bool, in country) {
	if phone == "" {
		return false, 0
	}
	number, err := phonenumbers.Parse(phone, region)
	if err != nil {
		return false, 0
	}
	code := phonenumbers.GetRegionCodeForNumber(number) // IsValidNumber would look for it once more
	if !phonenumbers.IsValidNumberForRegion(number, code) {
		return false, 0
	}
	return true, countryByCode[code]
}
