// Package bitmaps is state at rest: what Redis holds, and the only code that
// knows Redis.
//
// Everything of one Kafka partition lies in one Redis Cluster slot, under keys
// that share the hash tag {pN}:
//
//	PREFIX:{p7}             hash    the head: format, gen, nonce, seq, accounts, checkpoint
//	PREFIX:{p7}:log         stream  the changelog: one entry per commit, id SEQ-0
//	PREFIX:{p7}:accounts    hash    the accounts here, and how many fragments each has
//	PREFIX:{p7}:a:ACCOUNT   hash    the fragments of one account
//	PREFIX:{p7}:damage      string  what a reader found damaged, until the owner begins anew
//
// A commit appends one entry to the changelog, moves the head and may rewrite
// some fragments, all in one script. Fragments are folded from the changelog
// lazily, so an event costs its entry and not the 8 KiB pieces it touches.
// State is therefore: the fragments, then the changelog applied in order.
// Every change in an entry says what is, not what to add, so applying an entry
// to a fragment that already holds it does no harm.
//
// The names of an account's fragments:
//
//	m                       meta: the next numbers, totals
//	i:CHUNK                 ids of 256 contacts
//	r:CHUNK                 registers of 256 contacts: consent time, contact version
//	n:CHUNK                 names of 256 messages
//	k:CHUNK                 names of 256 lists
//	w:CHUNK                 256 reasons why sends failed
//	c:CHUNK                 what 256 messages are called, and of when the record is that says so
//	g:CHUNK                 what 256 lists are called, likewise
//	f:FACT:PIECE            bitmap of a fact: exists, in, out, valid, or a country
//	d:DAY:PIECE             of each series the contacts with an event on that day, and how many each message has
//	e:SERIES:DAY:PIECE:RUN  the events themselves, sorted runs
//	l:LIST:PIECE            bitmap of a list's members
//	t:LIST:CHUNK            registers of a list: when, member or not
//	s:SEGMENT:PIECE         bitmap of a segment's members
//	p:PIECE                 the day and the definitions a piece is composed for
//	x:0                     erasures, as keyed hashes with their times
//
// A series is a behaviour, 0 to 3 as in package segment, or what reports count
// beside those: 4, the messages that contacts opted out of, and 5, what they
// failed for. The identity of an event is a hash of its id; of series 4 it is 0, and
// of series 5 the number of the reason.
//
// A piece is 65,536 contact numbers, so that a bitmap of one is a single
// roaring container of at most 8 KiB in memory. At rest it is the gaps between
// its numbers (gaps.go). A day has all series in one fragment, since a name and a
// seal for each would take more than most of them do.
package bitmaps
