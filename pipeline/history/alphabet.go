package history

const (
	topicSent     = "sms.sent"
	topicClicked  = "sms.clicked"
	topicFailed   = "sms.failed"
	topicReplied  = "sms.replied"
	topicOptedIn  = "sms.opted_in"
	topicOptedOut = "sms.opted_out"
	topicContacts = "contacts"
	topicLists    = "lists"
	topicInbox    = "rollcall.inbox"
)

// topics are chosen from at random; some are likelier.
var topics = []string{
	topicSent, topicSent, topicSent, topicClicked, topicClicked, topicFailed, topicReplied,
	topicOptedIn, topicOptedIn, topicOptedOut, topicContacts, topicContacts, topicContacts, topicLists, topicLists,
}

var (
	accountIDs = []string{"acme", "globex", "initech-3"}
	zones      = []string{
		"America/New_York", "Australia/Sydney", "Asia/Kathmandu", "Europe/London", "America/St_Johns", "UTC",
	}

	// A contact id is opaque: a slash in it separates nothing.
	contacts = []string{"c1", "a/b", "ζ", "c4", "c 5", "c6", "c7", "c8"}

	messages  = []string{"m-1", "m-2", "m-3"}
	listNames = []string{"news", "vip"}
	kindNames = []string{"form", "marketing", "webinar"}
	ids       = []string{"e1", "e2", "e3", "e4"}

	// phones as typed, and the region they are typed for; nil is absent.
	phones = []struct{ phone, region any }{
		{"+12015550123", nil}, {"(201) 555-0123", "us"}, {"2015550123", nil}, {"+15062345678", nil}, {"+17872345678", "GB"},
		{"07400 123456", "GB"}, {"07400 123456", nil}, {"0412 345 678", "AU"}, {"984-1234567", "NP"}, {"123", "US"},
		{"nonsense", nil}, {"", "US"}, {nil, nil}, {nil, "US"}, {"+80012345678", nil}, {"2015550123", "XX"},
	}
	countries = []string{"AU", "CA", "GB", "PR", "US"}
)

// clockChanges are days on which a zone's clocks change, in both hemispheres.
var clockChanges = []string{
	"2026-03-08", "2026-03-29", "2026-04-05", "2026-10-04", "2026-10-25", "2026-11-01",
}
