package generate

import "strconv"

// country is where a contact's phone belongs. Numbers are a prefix and random
// digits; the prefixes are chosen so that every such number is valid. In North
// America they are 555-01xx, which is reserved for fiction.
type country struct {
	region   string // ISO 3166-1 alpha-2
	share    float64
	code     string   // country calling code
	trunk    string   // what is dialled before a national number
	prefixes []string // of the national number
	digits   int      // random digits after the prefix
}

var countries = []country{
	{"US", 0.46, "1", "", []string{"21255501", "30555501", "31255501", "41555501", "51255501", "61755501", "70255501", "20655501", "40455501", "80855501"}, 2},
	{"CA", 0.09, "1", "", []string{"41655501", "51455501", "60455501", "40355501", "90255501"}, 2},
	{"GB", 0.11, "44", "0", []string{"7400", "7412", "7780"}, 6},
	{"DE", 0.07, "49", "0", []string{"1512", "1601", "1701"}, 7},
	{"FR", 0.05, "33", "0", []string{"612", "698", "745"}, 6},
	{"IN", 0.05, "91", "0", []string{"81234", "98765", "90045"}, 5},
	{"BR", 0.04, "55", "0", []string{"11961", "21981", "31971"}, 6},
	{"AU", 0.04, "61", "0", []string{"412", "423", "438"}, 6},
	{"ES", 0.03, "34", "", []string{"612", "654", "699"}, 6},
	{"NL", 0.02, "31", "0", []string{"612", "628", "655"}, 6},
	{"SE", 0.02, "46", "0", []string{"701", "735", "762"}, 6},
	{"PR", 0.02, "1", "", []string{"78755501", "93955501"}, 2},
}

func (g *Generator) pickCountry() uint8 {
	u := g.rng.Float64()
	for i, c := range countries {
		if u -= c.share; u < 0 {
			return uint8(i)
		}
	}
	return 0
}

// typedPhone makes up a valid number and types it in one of the ways that people
// do. The region is empty where the number says it all by itself, for some.
func (g *Generator) typedPhone(c *country) (phone, region string) {
	n := c.prefixes[g.rng.IntN(len(c.prefixes))] + g.randomDigits(c.digits)
	switch g.rng.IntN(8) {
	case 0:
		return "+" + c.code + n, ""
	case 1:
		return "+" + c.code + " " + spaced(n, " "), c.region
	case 2:
		return "+" + c.code + "-" + spaced(n, "-"), ""
	case 3:
		return c.trunk + spaced(n, "-"), c.region
	case 4:
		return c.trunk + spaced(n, "."), c.region
	case 5:
		return "(" + c.trunk + n[:3] + ") " + spaced(n[3:], " "), c.region
	case 6:
		return " " + c.trunk + spaced(n, " ") + " ", c.region
	default:
		return c.trunk + n, c.region
	}
}

// invalidPhone is something that is no phone number, or no valid one, anywhere.
func (g *Generator) invalidPhone(c *country) string {
	switch g.rng.IntN(5) {
	case 0:
		return "555-" + g.randomDigits(2)
	case 1:
		return "+" + c.code + "000" + g.randomDigits(5)
	case 2:
		return "n/a"
	case 3:
		return "+999 " + g.randomDigits(8)
	default:
		return "+" + c.code + g.randomDigits(9) + g.randomDigits(9)
	}
}

func (g *Generator) randomDigits(n int) string {
	limit := 1
	for range n {
		limit *= 10
	}
	return strconv.Itoa(limit + g.rng.IntN(limit))[1:]
}

// spaced puts a separator after the third and the sixth digit: 212-555-0147.
func spaced(n, separator string) string {
	if len(n) <= 6 {
		return n[:3] + separator + n[3:]
	}
	return n[:3] + separator + n[3:6] + separator + n[6:]
}
