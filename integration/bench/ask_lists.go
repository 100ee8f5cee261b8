package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// listResult is what a list of recipients takes, in seconds: medians.
type listResult struct {
	Recipients int64
	Bytes      int
	Took       float64
	Empty      float64 // as many bytes that nobody had to look up
}

func (l listResult) perSecond() float64 { return float64(l.Recipients) / l.Took }
func (l listResult) megabytes() float64 { return float64(l.Bytes) / l.Took / 1e6 }

const (
	listRounds = 5
	listBatch  = 500 // lines that the product hands to the connection together
)

// lists reads the recipients of a segment, by turns with a list of nobody.
func (a *asker) lists(ctx context.Context, res *askingResult) error {
	want := howMany(a.task.People, person.reachable)
	var took, nothing []float64
	var list []byte
	for range listRounds {
		began := time.Now()
		if err := a.send(ctx, "GET", "/v1/segments/"+askedSegment+"/recipients", nil, &list); err != nil {
			return err
		}
		took = append(took, time.Since(began).Seconds())
		a.expect("recipients", int64(bytes.Count(list, []byte(`{"contact":"`))), want)
		if !bytes.Contains(list, fmt.Appendf(nil, `{"end":{"count":%d,`, want)) {
			a.wrong = append(a.wrong, "the list of recipients has no end line")
		}
		size := len(list)
		began = time.Now()
		if err := a.send(ctx, "GET", fmt.Sprintf("/empty?bytes=%d&lines=%d", size, want), nil, &list); err != nil {
			return err
		}
		nothing = append(nothing, time.Since(began).Seconds())
		a.expect("bytes of the list of nobody", int64(len(list)), int64(size))
	}
	res.Lists = listResult{Recipients: want, Bytes: len(list), Took: median(took), Empty: median(nothing)}
	return nil
}

// answerLines writes so many bytes, in as many flushes as a list of so many lines has.
func answerLines(w http.ResponseWriter, r *http.Request) {
	size, _ := strconv.Atoi(r.FormValue("bytes"))
	lines, _ := strconv.Atoi(r.FormValue("lines"))
	flushes := max(1, (lines+listBatch-1)/listBatch)
	text := strings.Repeat("x", size/flushes+1)
	for size > 0 {
		n, err := w.Write([]byte(text[:min(len(text), size)]))
		if err == nil {
			err = http.NewResponseController(w).Flush()
		}
		if size -= n; err != nil {
			return
		}
	}
}
