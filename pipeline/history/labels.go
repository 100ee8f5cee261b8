package history

import "strings"

// What records say beside what they are about. Some texts differ only beyond
// what is kept of them, where a character of several bytes is cut through.
var (
	titles  = []string{"Spring", "Spring sale", "", "Frühling", long("s", 199) + "ζ1", long("s", 199) + "ζ2"}
	reasons = []string{"30003", "30006 landline", "no such number: +1 (212) 555-0123", "no such number: 2125550199", "", "unbekannter Empfänger", long("r", 99) + "ζ1", long("r", 99) + "ζ2"}
)

func long(of string, n int) string { return strings.Repeat(of, n) }

// label adds to a record what its topic may say beside, or something else than
// before. Often it says nothing.
func (m *maker) label(d draft) {
	one := func(of []string) string { return of[m.labels.IntN(len(of))] }
	name, texts := "", titles
	switch d.topic {
	case topicSent:
		name = "message_name"
	case topicLists:
		name = "name"
	case topicFailed:
		name, texts = "reason", reasons
	case topicOptedOut, topicOptedIn:
		name, texts = "message", append([]string{""}, messages...)
	default:
		return
	}
	switch m.labels.IntN(6) {
	case 0:
		delete(d.fields, name)
	case 1:
		d.fields[name] = nil
	default:
		d.fields[name] = one(texts)
	}
}
