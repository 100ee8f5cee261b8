package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"
)

// terminal is where a session prints, if that is one.
func (s *session) terminal() (file *os.File, ok bool) {
	file, ok = s.stdout.(*os.File)
	return file, ok && term.IsTerminal(int(file.Fd())) && !s.JSON
}

// sparkEvery is the time that one character of a drawing stands for.
const sparkEvery = time.Second

// drawing shows a size in one line of a terminal, with how it was lately.
type drawing struct {
	s     *session
	width func() int // of the terminal, in characters

	mu    sync.Mutex
	size  *sizeEvent // nil: not known yet
	sizes []int64    // one for each sparkEvery, oldest first
}

// run moves the drawing on until ctx ends.
func (d *drawing) run(ctx context.Context) {
	tick := time.NewTicker(sparkEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			d.s.printf("\n")
			return
		case <-tick.C:
			d.mu.Lock()
			if d.size != nil && d.size.Size != nil {
				d.sizes = append(d.sizes, *d.size.Size)
			}
			d.draw()
			d.mu.Unlock()
		}
	}
}

// show takes a size up at once.
func (d *drawing) show(e sizeEvent) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.size = &e
	d.draw()
}

func (d *drawing) draw() {
	if d.size == nil {
		return
	}
	text := fmt.Sprintf("%s members, %s sendable, %d entered and %d exited so far ", count(d.size.Size), count(d.size.Sendable), d.size.Entered, d.size.Exited)
	text = text[:min(len(text), d.width()-1)] // a line that wraps can't be drawn over
	room := d.width() - 1 - len(text)
	d.sizes = d.sizes[max(0, len(d.sizes)-room):]
	d.s.printf("\r\x1b[K%s%s", text, spark(d.sizes))
}

// spark draws numbers as bars, the least and the greatest as low and as high as
// can be. Numbers that are all the same are low.
func spark(numbers []int64) string {
	if len(numbers) == 0 {
		return ""
	}
	bars := []rune("▁▂▃▄▅▆▇█")
	least, most := slices.Min(numbers), slices.Max(numbers)
	var b strings.Builder
	for _, n := range numbers {
		b.WriteRune(bars[(n-least)*int64(len(bars)-1)/max(1, most-least)])
	}
	return b.String()
}
