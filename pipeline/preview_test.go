package pipeline

import (
	"testing"

	"github.com/alicebob/miniredis/v2"

	"rollcall/pipeline/segment"
)

// A state that is made anew, since Redis had forgotten which accounts it has, has
// other numbers than the fragments that were left there. Until it writes its own,
// these are not taken for them.
func TestPreviewBesideWhatIsLeft(t *testing.T) {
	w := keeping(t, "ann", "bob")
	w.clickOf("ann", "m-1", "2026-11-14 12:00")
	w.clickOf("bob", "m-2", "2026-11-14 12:00")
	w.settle()
	w.write(TopicContacts, 0, "keeps/ann", nil)
	w.config.Limits = Limits{}
	w.reopen()
	w.settle() // ann is in the fragments, and the changelog says that she is gone
	server := w.redis.(*miniredis.Miniredis)
	server.Del(headOf0 + ":accounts")
	w.reopen()
	w.settle()
	w.follow()
	if len(w.fragments("keeps", "e:")) == 0 {
		t.Fatal("nothing is left")
	}
	def, err := segment.Parse(`all contacts where clicked at least 2 times`)
	w.must(err)
	p, _, err := w.view.Preview(t.Context(), "keeps", def)
	if w.must(err); p.Size != 0 {
		t.Errorf("%d have clicked twice, and nobody has", p.Size)
	}
}
