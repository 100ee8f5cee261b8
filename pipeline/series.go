package pipeline

import "rollcall/pipeline/segment"

// series is a kind of events that are kept by day: a behaviour, by its number, or
// what reports count beside those and no condition asks for.
type series uint8

const (
	sentSeries = series(segment.Sent)

	// optedOutOf has the opt-outs that name a message, once for each contact,
	// message and day: the identity of all of them is 0.
	optedOutOf = series(segment.Behaviours)
	// failedFor has the reasons of failed sends, once for each contact, message and
	// day: the identity is the reason's number.
	failedFor = series(segment.Behaviours + 1)

	allSeries = segment.Behaviours + 2 // how many there are
)

// isBehaviour tells whether conditions can ask for the events.
func (of series) isBehaviour() bool { return of < segment.Behaviours }

// counted tells whether it is kept how many events of each message a day has.
func (of series) counted() bool { return of == sentSeries }

// String is the series as exports and differences name it.
func (of series) String() string {
	switch of {
	case optedOutOf:
		return "opted_out"
	case failedFor:
		return "failed_for"
	}
	return segment.Behaviour(of).String()
}

func seriesNamed(name string) (series, bool) {
	for of := range series(allSeries) {
		if of.String() == name {
			return of, true
		}
	}
	return 0, false
}
