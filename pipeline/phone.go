package pipeline

import (
	"bytes"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

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

// regionName is a region as the library writes it.
func regionName(typed []byte) string {
	if c, known := countryByCode[string(typed)]; known {
		return c.String()
	}
	return strings.ToUpper(string(typed))
}

// phones derives from a phone, as its owner typed it, whether it is valid and
// in which country. The number itself goes no further. It is not safe for
// concurrent use.
type phones struct {
	dialled map[string]*dialling // by region; nil: left to the library
	calling map[int]*callingCode // likewise
	digits  []byte               // scratch
}

func (p *phones) facts(phone []byte, region string) (valid bool, in country) {
	if digits, international := p.plain(phone); digits != nil {
		if answer, sure := p.short(digits, international, region); sure {
			return answer.valid, answer.in
		}
	} else if hopeless(phone) {
		return false, 0
	}
	number, err := phonenumbers.Parse(string(phone), region)
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

const (
	fewestDigits = 3 // of which the library takes punctuation as such
	mostDigits   = longestCalling + longestNational
	longestPlain = 60 // bytes
)

// plain is the digits of a phone of nothing but digits and plain punctuation,
// after a plus or not; nil if it has anything else. It is valid until the next call.
func (p *phones) plain(phone []byte) (digits []byte, international bool) {
	if len(phone) > longestPlain {
		return nil, false
	}
	digits = p.digits[:0]
	for _, c := range phone {
		switch {
		case c >= '0' && c <= '9':
			digits = append(digits, c)
		case c == '+' && len(digits) == 0 && !international:
			international = true
		case c != ' ' && c != '-' && c != '.' && c != '(' && c != ')' && c != '/':
			return nil, false
		}
	}
	p.digits = digits
	if len(digits) < fewestDigits || len(digits) > mostDigits {
		return nil, false
	}
	return digits, international
}

// hopeless tells whether a phone has so few digits that it is none, like "n/a".
func hopeless(phone []byte) bool {
	digits := 0
	for _, c := range phone {
		switch {
		case c >= utf8.RuneSelf:
			return false // there are digits beyond ASCII
		case c >= '0' && c <= '9':
			digits++
		}
	}
	return digits < shortestNational
}

// short is the short way from digits to what the library makes of them: its
// steps, by its metadata. It is not sure in rare cases.
func (p *phones) short(digits []byte, international bool, region string) (answer phoneAnswer, sure bool) {
	if _, is := countryByCode[region]; !international && (!is || region == "") {
		return phoneAnswer{}, true // there is nothing to tell the country by
	}
	national, calling, d := p.split(digits, international, region)
	if d == nil {
		return phoneAnswer{}, international && national == nil && p.nowhere(digits, region)
	}
	stripped, sure := d.withoutPrefix(national)
	if !sure {
		return phoneAnswer{}, false
	}
	if d.lengths.allow(len(stripped)) {
		national = stripped
	}
	c := p.callingCode(calling)
	switch {
	case c == nil:
		return phoneAnswer{}, false
	case len(national) < shortestNational || len(national) > longestNational:
		return phoneAnswer{}, true
	}
	return c.judge(national), true
}

// split tells a number's calling code from the rest, and how that is dialled;
// d is nil where that is left to the library.
func (p *phones) split(digits []byte, international bool, region string) (national []byte, calling int, d *dialling) {
	if international {
		return p.splitCalling(digits)
	}
	if d = p.dialling(region, 0); d == nil || d.matches(digits, d.idd) {
		return nil, 0, nil
	}
	calling, _ = strconv.Atoi(string(d.calling))
	rest, has := bytes.CutPrefix(digits, d.calling)
	if !has {
		return digits, calling, d
	}
	stripped, sure := d.withoutPrefix(rest)
	switch {
	case !sure:
		return nil, 0, nil
	case !d.matches(digits, d.general) && d.matches(stripped, d.general), d.lengths.tooLong(len(digits)):
		if len(stripped) < shortestNational {
			return nil, 0, nil
		}
		return stripped, calling, p.dialling(d.main, calling)
	}
	return digits, calling, d
}

// splitCalling finds the calling code that digits begin with.
func (p *phones) splitCalling(digits []byte) (national []byte, calling int, d *dialling) {
	for n := 1; n <= longestCalling && n < len(digits) && digits[0] != '0'; n++ {
		calling = calling*10 + int(digits[n-1]-'0')
		if regions := phonenumbers.GetRegionCodesForCountryCode(calling); len(regions) > 0 {
			return digits[n:], calling, p.dialling(regions[0], calling)
		}
	}
	return nil, 0, nil
}

// nowhere tells whether digits after a plus that begin with no calling code lead
// nowhere. The library tries again as if there were no plus.
func (p *phones) nowhere(digits []byte, region string) bool {
	d := p.dialling(region, 0)
	return digits[0] != '0' && d != nil && !d.matches(digits, d.idd)
}

// dialling is how a region's numbers are dialled; nil: left to the library.
func (p *phones) dialling(region string, calling int) *dialling {
	key := metadataKey(region, calling)
	d, known := p.dialled[key]
	if !known {
		d, _ = newDialling(region, calling) // nil with an error
		if p.dialled == nil {
			p.dialled = map[string]*dialling{}
		}
		p.dialled[key] = d
	}
	return d
}

// callingCode is what numbers of a calling code look like; nil: left to the library.
func (p *phones) callingCode(calling int) *callingCode {
	c, known := p.calling[calling]
	if !known {
		c, _ = newCallingCode(calling) // nil with an error
		if p.calling == nil {
			p.calling = map[int]*callingCode{}
		}
		p.calling[calling] = c
	}
	return c
}
