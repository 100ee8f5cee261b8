package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// tables are a population as CSV files, to be loaded by databases.
type tables struct{ contacts, events string }

func (p *population) writeTables(dir string) (tables, error) {
	t := tables{filepath.Join(dir, "contacts.csv"), filepath.Join(dir, "events.csv")}
	contacts := writeLines(t.contacts, func(w *bufio.Writer) {
		for i, r := range p.people {
			fmt.Fprintf(w, "%d,%t,%t,%s\n", i, r.optedIn, r.optedOut, r.country)
		}
	})
	events := writeLines(t.events, func(w *bufio.Writer) {
		for _, e := range p.events {
			fmt.Fprintf(w, "%d,%d,%d\n", e.who, e.did, e.day)
		}
	})
	return t, errors.Join(contacts, events)
}

func writeLines(path string, write func(*bufio.Writer)) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	write(w)
	return errors.Join(w.Flush(), f.Close())
}
