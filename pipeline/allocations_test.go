package pipeline

import (
	"fmt"
	"testing"
	"time"

	"rollcall/bitmaps"
	"rollcall/consumers"
)

// TestAllocationsPerRecord bounds what records of known contacts allocate on
// their way through a task, in batches as of a backlog: the memory that state
// grows by, and a little for each commit, but nothing for each record.
func TestAllocationsPerRecord(t *testing.T) {
	w := newWorld(t, 1)
	for i, text := range relevant {
		w.segment(fmt.Sprintf("s%d", i), text)
	}
	w.config.Store, w.config.Publish, w.config.Limits = bitmaps.Discard(), false, Limits{}
	task, err := Open(t.Context(), w.config, 0, w.log.taskMarks(0, 1))
	w.must(err)
	const contacts, runs = 500, 10
	batches := w.knownContacts(runs+2, contacts)
	w.must(task.Process(t.Context(), batches[0]))
	i := 0
	allocations := testing.AllocsPerRun(runs, func() {
		i++
		w.must(task.Process(t.Context(), batches[i]))
	}) / (3 * contacts)
	t.Logf("%.3f allocations a record", allocations)
	if allocations > 0.05 {
		t.Errorf("%.3f allocations a record", allocations)
	}
}

// knownContacts are batches of three records each of always the same contacts.
func (w *world) knownContacts(runs, contacts int) []*consumers.Batch {
	batches := make([]*consumers.Batch, 0, runs)
	for run := range runs {
		var batch consumers.Batch
		for i := range contacts {
			contact, n, at := fmt.Sprint("contact-", i), int64(run*contacts+i), w.now.Add(time.Duration(run)*time.Second)
			phone := fmt.Sprintf(`{"account":"acme","contact":%q,"phone":"+49 151 23%06d","region":"DE"}`, contact, n)
			batch.Records = append(batch.Records, recordOf(TopicContacts, contact, n, at, phone), consentOf(contact, n, at), clickOf(contact, n, w.now))
		}
		batches = append(batches, &batch)
	}
	return batches
}
