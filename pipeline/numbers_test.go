package pipeline

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// plainNumbering is a numbering as two maps have it.
type plainNumbering struct {
	byName map[string]uint32
	names  map[uint32]string
	next   uint32
}

func (n *plainNumbering) put(number uint32, name string) {
	n.next = max(n.next, number+1)
	delete(n.names, number)
	if name != "" {
		n.names[number], n.byName[name] = name, number
	}
}

func (n *plainNumbering) drop(number uint32) {
	if name := n.names[number]; name != "" {
		delete(n.byName, name)
		delete(n.names, number)
	}
}

// TestNumbering gives, stores, drops and looks up names beside a plain twin.
func TestNumbering(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, plain := numbering{}, plainNumbering{byName: map[string]uint32{}, names: map[uint32]string{}}
		name := rapid.Custom(func(t *rapid.T) string {
			if rapid.IntRange(0, 50).Draw(t, "long") == 0 {
				return strings.Repeat("x", rapid.IntRange(100, 70_000).Draw(t, "length"))
			}
			return fmt.Sprint("c-", rapid.IntRange(0, 400).Draw(t, "name"))
		})
		for range rapid.IntRange(0, 800).Draw(t, "steps") {
			text := name.Draw(t, "text")
			number := uint32(rapid.IntRange(0, int(plain.next)+3).Draw(t, "number"))
			_, taken := plain.byName[text]
			switch action := rapid.IntRange(0, 5).Draw(t, "action"); {
			case action < 3 && !taken:
				if got := n.add(text); got != plain.next {
					t.Fatalf("%q is number %d, expected %d", text, got, plain.next)
				}
				plain.put(plain.next, text)
			case action == 3: // also where it has one, or another
				n.put(number, text)
				plain.put(number, text)
			case action == 4:
				n.drop(number)
				plain.drop(number)
			}
			checkNumbering(t, &n, &plain, text)
		}
		for text := range plain.byName {
			checkNumbering(t, &n, &plain, text)
		}
		for number, text := range n.all() {
			if text != plain.names[number] {
				t.Fatalf("number %d is %q, expected %q", number, text, plain.names[number])
			}
		}
	})
}

func checkNumbering(t *rapid.T, n *numbering, plain *plainNumbering, text string) {
	number, known := n.get([]byte(text))
	if want, is := plain.byName[text]; known != is || number != want {
		t.Fatalf("%q has number %d: %v, expected %d: %v", text, number, known, want, is)
	}
	if n.next() != plain.next || n.named() != len(plain.byName) {
		t.Fatalf("next is %d of %d named, expected %d of %d", n.next(), n.named(), plain.next, len(plain.byName))
	}
}

// TestDroppedNamesLeaveNothing looks for a name in memory after it was given up.
func TestDroppedNamesLeaveNothing(t *testing.T) {
	var n numbering
	for _, name := range []string{"ann", "bob", "cleo"} {
		n.add(name)
	}
	n.drop(1)
	if all := string(slices.Concat(n.blocks...)); strings.Contains(all, "bob") || !strings.Contains(all, "ann") {
		t.Errorf("the blocks hold %q", all)
	}
	if _, known := n.lookup("bob"); known || n.name(1) != "" || n.add("bob") != 3 {
		t.Error("a dropped name is still there, or its number is given again")
	}
}

// TestBytesOfAContactsName bounds what a name takes in memory beside its text.
func TestBytesOfAContactsName(t *testing.T) {
	const names = 200_000
	var n numbering
	before := heapInUse()
	text := 0
	for i := range names {
		name := fmt.Sprintf("contact-%06d", i)
		text += len(name)
		n.add(name)
	}
	used := int64(heapInUse() - before)
	t.Logf("%.1f bytes a name beside its text", float64(used-int64(text))/names)
	if used-int64(text) > 32*names {
		t.Errorf("%d bytes for %d names of %d bytes", used, names, text)
	}
	runtime.KeepAlive(&n)
}

func BenchmarkNumbering(b *testing.B) {
	for _, names := range []int{10_000, 1_000_000} {
		b.Run(fmt.Sprint(names), func(b *testing.B) {
			var n numbering
			all := make([][]byte, names)
			for i := range all {
				all[i] = fmt.Appendf(nil, "contact-%06d", i)
				n.add(string(all[i]))
			}
			rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				n.get(all[i%len(all)])
			}
		})
	}
}
