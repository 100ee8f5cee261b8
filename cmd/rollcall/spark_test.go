package main

import (
	"bytes"
	"testing"
)

func TestSpark(t *testing.T) {
	for _, c := range []struct {
		numbers []int64
		want    string
	}{
		{nil, ""},
		{[]int64{5}, "▁"},
		{[]int64{5, 5, 5}, "▁▁▁"},
		{[]int64{0, 1, 2, 3, 4, 5, 6, 7}, "▁▂▃▄▅▆▇█"},
		{[]int64{1_000_000, 1_000_070, 1_000_035}, "▁█▄"},
	} {
		if got := spark(c.numbers); got != c.want {
			t.Errorf("%v: %s, want %s", c.numbers, got, c.want)
		}
	}
}

func TestDrawingFits(t *testing.T) {
	var out bytes.Buffer
	size := func(n int64) sizeEvent { return sizeEvent{Size: &n, Sendable: &n} }
	d := &drawing{s: &session{stdout: &out}, width: func() int { return 60 }, sizes: []int64{1, 2, 3, 4, 5, 6, 7, 8, 9}}
	d.show(size(9))
	const want = "\r\x1b[K9 members, 9 sendable, 0 entered and 0 exited so far ▁▂▃▅▆█"
	if out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
	out.Reset()
	d.width = func() int { return 20 } // somebody made the window narrower
	d.show(size(9))
	if want := "\r\x1b[K9 members, 9 sendab"; out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}
