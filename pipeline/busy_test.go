package pipeline

import (
	"fmt"
	"testing"

	"rollcall/pipeline/catalog"
)

// Accounts are told apart whose ids have one place, and one that is gone is not
// found again.
func TestBusyAccounts(t *testing.T) {
	w := newWorld(t, 1)
	const accounts = 300
	id := func(i int) string { return fmt.Sprint("busy-", i) }
	for i := range accounts {
		w.put(catalog.PutAccount{Account: id(i), Timezone: "UTC", RetentionDays: 30, DefaultRegion: "US"})
	}
	s := newState(w.config.Catalog, nil, w.now.UnixMilli())
	for range 2 {
		for i := range accounts {
			if a := s.account([]byte(id(i))); a == nil || a.id != id(i) || a != s.accounts[id(i)] {
				t.Fatalf("%s: %+v", id(i), a)
			}
		}
	}
	if s.account(nil) != nil || s.account([]byte("b")) != nil {
		t.Fatal("an account that is not defined")
	}
	was := s.account([]byte(id(7)))
	s.dropAccount(id(7))
	if is := s.account([]byte(id(7))); is == was {
		t.Fatal("the account that was dropped")
	}
}
