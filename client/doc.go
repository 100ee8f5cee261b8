// Package client asks a rollcall server which contacts are in which segments now.
// It is for programs that send: it depends on nothing beyond the standard library,
// and fails closed - what can't be shown to be fresh is an error, not an answer.
//
// [Client.Check] and [Client.CheckAll] ask about contacts. [Client.Recipients]
// is a segment as a list, which goes on by itself where it was cut off.
// [Client.Sizes] follows how large segments are. What the server refuses is a
// [*Problem], for errors.Is one of [ErrNotFresh], [ErrNotFound] and so on.
//
// # The local view
//
// A [View] holds the recipients of some segments in memory and follows them, so
// that a worker can ask once more right before it sends, at the price of a look
// into memory:
//
//	view := c.NewView(ctx, client.ViewConfig{Segments: []string{"engaged"}})
//	defer view.Close()
//	engaged := view.Segment("engaged")
//	...
//	if ok, err := engaged.Contains(contact); ok && err == nil {
//		send(contact)
//	}
//
// The server tells at least every second up to which moment everything that was
// written to Kafka is in what it told. When that was more than
// [ViewConfig.MaxStaleness] ago, or the account's day is another, Contains
// answers [ErrStale]. How long ago it was is counted by this machine's clocks
// from when the request was sent: the server's clock does not matter, nor does how long
// a line took. So an opt-out that Kafka has acknowledged is in effect after what
// it takes to be applied and told, and after MaxStaleness in any case: the
// contact is not contained any more, or nobody is.
//
// When the connection breaks the view goes on answering until then, connects
// again, and takes everything anew. It is exact: it holds the ids themselves, once
// for all its segments, and each segment as a bitmap. The ids of contacts that
// left stay in memory until there are many of them, or the view connects again.
package client
