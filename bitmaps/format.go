package bitmaps

import (
	"fmt"
	"strconv"
)

// FormatError says that a partition's state is of another format than Format.
type FormatError struct {
	Found string // as the head says it
}

func checkFormat(found string) error {
	if found == strconv.Itoa(Format) {
		return nil
	}
	return &FormatError{found}
}

// Older tells whether the format is one that Format took the place of. Such a
// state is made anew; one of any other format is left to whoever knows it.
func (e *FormatError) Older() bool {
	n, err := strconv.Atoi(e.Found)
	return err == nil && n >= 1 && n < Format && strconv.Itoa(n) == e.Found
}

func (e *FormatError) Error() string {
	if e.Older() {
		return fmt.Sprintf("the state is of format %s, and this binary reads format %d: it has to be made anew", e.Found, Format)
	}
	return fmt.Sprintf("the state is of format %s, and this binary knows up to format %d: a newer binary wrote it, and it is left alone", e.Found, Format)
}

// Unwrap makes an older format ErrDamaged: nothing that is stored can be read.
func (e *FormatError) Unwrap() error {
	if e.Older() {
		return ErrDamaged
	}
	return nil
}
