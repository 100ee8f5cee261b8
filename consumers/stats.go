package consumers

import "sync/atomic"

// Stats counts what a Client did since it was opened. Its fields are only
// added to, unless they say otherwise, and may be read at any time.
type Stats struct {
	FetchRequests atomic.Int64 // fetch requests answered
	FetchErrors   atomic.Int64 // fetch requests, and partitions in them, that failed and were retried
	FetchedBytes  atomic.Int64 // record bytes fetched, as they travelled
	Batches       atomic.Int64 // record batches walked, empty ones included
	Records       atomic.Int64 // records handed to readers
	Skipped       atomic.Int64 // offsets that gave no record: control, aborted, compacted away

	Waiting atomic.Int64 // record bytes fetched and not yet taken by their readers: the one that also falls

	Rebalances   atomic.Int64 // group generations joined
	GroupErrors  atomic.Int64 // failed attempts to join a group
	TaskFailures atomic.Int64 // tasks that ended with an error and were started again
	CommitErrors atomic.Int64 // failed commits of the offsets kept for lag tools

	Produced      atomic.Int64 // messages acknowledged
	ProduceErrors atomic.Int64 // produce requests that failed, retried ones included
}
