package web

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"rollcall/pipeline/segment"
)

// The page offers the countries that a definition takes, and all of them.
func TestCountries(t *testing.T) {
	source, err := os.ReadFile("src/definition/countries.ts")
	if err != nil {
		t.Fatal(err)
	}
	list := regexp.MustCompile("(?s)const codes = `(.*?)`").FindSubmatch(source)
	if list == nil {
		t.Fatal("the list of codes is not found")
	}
	offered := map[string]bool{}
	for _, code := range strings.Fields(string(list[1])) {
		offered[code] = true
	}
	for a := 'A'; a <= 'Z'; a++ {
		for b := 'A'; b <= 'Z'; b++ {
			code := string([]rune{a, b})
			_, err := segment.Parse("all contacts where phone in " + code)
			if taken := err == nil; taken != offered[code] {
				t.Errorf("%s: taken is %v, offered %v", code, taken, offered[code])
			}
		}
	}
}
