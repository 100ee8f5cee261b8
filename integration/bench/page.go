package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// page is the text that the benchmark prints.
type page struct{ out io.Writer }

func (p *page) printf(format string, args ...any) { fmt.Fprintf(p.out, format, args...) }

// heading begins a section.
func (p *page) heading(text string) {
	p.printf("%s\n%s\n", text, strings.Repeat("-", len(text)))
}

// results are what results.json holds.
type results struct {
	Machine string
	Reading []row
	Redis   *redisResults
	Idle    []idleResult
	Latency []latencyResult
	Tiny    *tinyResult
	Asking  *askingResult

	NewSegment *newSegmentResult
	Midnight   *midnightResult
	Restart    *restartResult
	Growth     []growthResult
	Scale      []scaleResult
	Constants  *constants
	Capacity   []need

	Aims  []aim
	Wrong []string // answers that were not right
}

// aim is something the product wants to reach.
type aim struct {
	What, Want, Got string
	Reached         bool
}

func (b *bench) aim(reached bool, what, want, got string) {
	b.results.Aims = append(b.results.Aims, aim{what, want, got, reached})
}

// wrong notes an answer that is not right, which no speed makes up for.
func (b *bench) wrong(format string, args ...any) {
	what := fmt.Sprintf(format, args...)
	b.results.Wrong = append(b.results.Wrong, what)
	b.page.printf("WRONG: %s\n", what)
}

// finish prints the aims and writes the results.
func (b *bench) finish(file string) error {
	b.printCapacity()
	b.page.heading("Aims")
	for _, a := range b.results.Aims {
		verdict := "reached    "
		if !a.Reached {
			verdict = "NOT REACHED"
		}
		b.page.printf("%s  %-62s aim %-28s got %s\n", verdict, a.What, a.Want, a.Got)
	}
	b.page.printf("\nResults in %s\n", file)
	out, err := json.MarshalIndent(b.results, "", "  ")
	if err == nil {
		err = os.WriteFile(file, append(out, '\n'), 0o644)
	}
	if len(b.results.Wrong) > 0 {
		err = errors.Join(err, errors.New("answers were wrong: "+strings.Join(b.results.Wrong, "; ")))
	}
	return err
}

func seconds(d time.Duration) float64 { return d.Seconds() }

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
