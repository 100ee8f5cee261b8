package segment

import "fmt"

// The words of the language, by the constant they stand for. An empty word
// stands for nothing that is written.
var (
	kindWords       = []string{AllContacts: "all contacts", List: "list", Form: "form", Webinar: "webinar", Segment: "segment"}
	behaviourWords  = []string{Sent: "sent", Clicked: "clicked", Failed: "failed", Replied: "replied"}
	modeFields      = []string{AnyMessage: "", AnyOf: "any", AllOf: "all", NoneOf: "none"}
	frequencyFields = []string{AtLeastOnce: "", AtLeast: "at_least", AtMost: "at_most", Exactly: "exactly", AtLeastDays: "at_least_days"}
	periodFields    = []string{Ever: "", LastDays: "last_days", DaysAgo: "days_ago", On: "on", Between: "between", Before: "before", Since: "since"}
)

// namedKinds are the words that a name follows.
var namedKinds = kindWords[List:]

// String is the kind as the language writes it.
func (k Kind) String() string { return wordOf(kindWords, k, "kind") }

// String is the behaviour as the language writes it: sent, clicked, failed or replied.
func (b Behaviour) String() string { return wordOf(behaviourWords, b, "behaviour") }

func wordOf[T ~uint8](words []string, value T, what string) string {
	if int(value) < len(words) {
		return words[value]
	}
	return fmt.Sprintf("%s %d", what, value)
}

// constant is the value that word stands for.
func constant[T ~uint8](words []string, word string) (T, bool) {
	for i, w := range words {
		if w == word && w != "" {
			return T(i), true
		}
	}
	return 0, false
}
