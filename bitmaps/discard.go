package bitmaps

// Discard is a store that keeps nothing: every partition begins empty and every
// commit succeeds. It is for measuring what comes before the commit.
func Discard() *Store { return &Store{} }
