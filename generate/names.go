package generate

import "strconv"

// list is a marketing list, a form or a webinar.
type list struct {
	kind, id, name string
	share          float64 // of the contacts that are on it
}

var lists = []list{
	{"marketing", "newsletter", "Newsletter", 0.35},
	{"marketing", "spring-sale", "Spring sale", 0.22},
	{"marketing", "new-arrivals", "New arrivals", 0.15},
	{"marketing", "win-back", "Win back", 0.12},
	{"marketing", "vip", "VIP customers", 0.06},
	{"form", "giveaway", "Summer giveaway", 0.12},
	{"form", "contact-us", "Contact us", 0.08},
	{"form", "demo-request", "Request a demo", 0.04},
	{"webinar", "product-tour", "Product tour", 0.05},
	{"webinar", "holiday-planning", "Holiday planning", 0.03},
}

// everybody and sample are audiences beside the marketing lists.
const (
	everybody = -1
	sample    = -2
)

// audiences is whom campaigns are sent to, in turn: by turns and not by chance,
// so that the shares of a month are about the same for every seed.
var audiences = []int{0, 1, sample, 2, everybody, 3, 0, sample, 4, 1}

// message is a campaign's SMS.
type message struct {
	id, name string
	audience int // index in lists, everybody or sample
	salt     uint64
}

// newMessage makes up the next campaign.
func (g *Generator) newMessage() *message {
	n := len(g.messages) + 1
	m := message{id: "m-" + strconv.Itoa(n), salt: g.rng.Uint64()}
	m.audience = audiences[n%len(audiences)]
	subject := "Your weekly news"
	switch {
	case m.audience == sample:
		subject = "Just for you"
	case m.audience >= 0:
		subject = lists[m.audience].name
	}
	m.name = subject + ": " + offers[g.rng.IntN(len(offers))]
	g.messages = append(g.messages, m)
	return &g.messages[n-1]
}

var offers = []string{
	"20% off this weekend", "free shipping until Sunday", "two for one", "last chance",
	"the new collection is here", "your code inside", "doors open at noon", "back in stock",
	"a gift with every order", "members shop first", "48 hours only", "tell us what you think",
}

var failures = []string{"unknown-subscriber", "carrier-rejected", "handset-unreachable", "expired"}
