// Package consumers is rollcall's side of Kafka, and the only package that
// knows it.
//
// A [Client] is one process's connection to a cluster. What it offers:
//
//   - [Client.Group] joins a consumer group and runs one goroutine per task. A
//     task is one partition number across all source topics; a [Feed] is what
//     that goroutine reads.
//   - [Client.Tail] and [Client.ReadAll] read a single partition outside of the
//     group.
//   - [Client.Producer] writes with acknowledgement by all in-sync replicas.
//   - [Client.Topics], [Client.EnsureTopics], [Client.Watermarks] and their
//     neighbours are the little administration that rollcall needs.
//
// # The path of a record
//
// One fetcher serves all feeds of the process. Per broker it keeps a long poll
// open over every partition that has room for more, so a new record wakes its
// reader at once. The response's record sets are taken as raw bytes and queued
// per partition. [Feed.Next] walks them on the task's own goroutine: it checks
// each batch's CRC, inflates it if it is compressed, leaves out control records
// and aborted transactions, and hands on keys and values that still lie in the
// fetched bytes.
//
// Nothing is skipped silently: a wanted offset that the log no longer (or not
// yet) has is an [OffsetLostError], bytes that can't be understood are a
// [CorruptError], and offsets that hold no record are counted in
// [Batch.Skipped].
//
// # What it changes in kafka-go
//
// On import the package registers a response type of its own for the Fetch API
// with kafka-go's protocol package, which is process-wide: in a program that
// imports this package, kafka.Client.Fetch no longer works. kafka.Reader and
// all other APIs are not affected.
package consumers
