package integration

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"rollcall/bitmaps"
)

var upgradeFrom = flag.String("upgrade-from", "", "a commit that TestRollingUpgrade upgrades from, beside those in testdata/upgrade-from")

// TestRollingUpgrade replaces two processes one after the other while records
// flow: those of earlier commits by this one, and this one by one whose format
// is newer.
func TestRollingUpgrade(t *testing.T) {
	takesLong(t)
	for _, commit := range earlier(t) {
		t.Run("from "+commit, func(t *testing.T) {
			rolls(t, builtFrom(t, commit), binary, bitmaps.Format)
		})
	}
	t.Run("to a newer format", func(t *testing.T) {
		rolls(t, binary, builtNewer(t), bitmaps.Format+1)
	})
}

// rolls upgrades from one binary to another, which writes a format.
func rolls(t *testing.T, from, to string, format int) {
	c := newCluster(t)
	serve := func(binary string) *process {
		t.Helper()
		return startOf(t, binary, append(append(c.flags(), notScrubbing...), "--max-staleness", "2s")...)
	}
	one := serve(from).ready()
	all := populations()[:2]
	tenants := tenantsOf(all)
	for _, a := range tenants {
		a.create(t, one)
		a.define(t, one, "abcd")
	}
	w := newWitness(t, c, one)
	two := serve(from).ready()
	c.sharing(one, two)
	was := c.formatsKnown()

	f := c.startFlow(all, 30_000, 1, 40*time.Second)
	time.Sleep(3 * time.Second)
	w.asked.Store(two)
	one.stop()
	three := serve(to)
	c.takesSome(three, format)
	w.report(t, "one of two processes was upgraded")
	if format != was[0] {
		t.Logf("the format goes from %d to %d", was[0], format)
		three = c.refuses(two, three, format, func() *process { return serve(to) })
	}
	two.stop()
	w.asked.Store(three)
	began := time.Now()
	four := serve(to).ready()
	t.Logf("ready %v after the last old process ended", time.Since(began).Round(100*time.Millisecond))
	w.report(t, "both were upgraded")
	c.sharing(three, four)
	f.wait(t)

	s := c.settled(four)
	got := c.collect(four, tenants)
	compare(t, tenants, got, c.expect(append(tenants, witnessed), 8, nil), nil)
	c.expectAllCounted(s)
	c.expectDeadLetters(s, 1000)
	c.followedTo(tenants, got)
	c.verifies(four, 0, "0 differences")
	w.report(t, "in the end")
	if is := c.formatsKnown(); is[0] != is[len(is)-1] {
		t.Errorf("in the end there are the formats %v", is)
	}
}

// refuses has the old process get back what the new one has made anew: it names
// the format, and leaves the state as it is. The new process comes again.
func (c *cluster) refuses(old, upgraded *process, format int, serve func() *process) *process {
	c.t.Helper()
	upgraded.kill()
	before := c.ofFormat(format)
	eventually(c.t, c.patience, "the old process refuses the newer format", func() error {
		if named := fmt.Sprintf("format %d", format); !strings.Contains(old.output(), named) {
			return fmt.Errorf("it does not say %q", named)
		}
		return nil
	})
	time.Sleep(3 * time.Second) // of further attempts
	if after := c.ofFormat(format); before == "[]" || after != before {
		c.t.Errorf("the old process touched a state of a newer format: it was\n%.1000s\nand is\n%.1000s", before, after)
	}
	if code, _ := ask(c.t, old, "", "GET", "/readyz", nil); code == 200 {
		c.t.Error("the old process calls itself ready")
	}
	again := serve()
	c.takesSome(again, format)
	return again
}

// takesSome waits until a process owns partitions, and some are of its format.
func (c *cluster) takesSome(p *process, format int) {
	c.t.Helper()
	eventually(c.t, c.patience, "it owns partitions", func() error {
		_, body, err := tryAsk(c.t, p, "", "GET", "/metrics", nil)
		if err != nil {
			return err
		}
		if found := ownedMetric.FindSubmatch(body); found == nil || string(found[1]) == "0" {
			return fmt.Errorf("it owns none")
		}
		return nil
	})
	eventually(c.t, c.patience, "some partitions are of its format", func() error {
		if is := c.formatsKnown(); !slices.Contains(is, format) {
			return fmt.Errorf("the formats are %v", is)
		}
		return nil
	})
}

// formatsKnown are the formats of the partitions, in order.
func (c *cluster) formatsKnown() (all []int) {
	c.t.Helper()
	for _, text := range c.formats() {
		n, err := strconv.Atoi(text)
		must(c.t, err)
		all = append(all, n)
	}
	slices.Sort(all)
	return all
}

// ofFormat is what is in Redis of partitions of a format.
func (c *cluster) ofFormat(format int) string {
	c.t.Helper()
	formats := c.formats()
	all := slices.DeleteFunc(c.stored(), func(l storedLine) bool {
		head, _, _ := strings.Cut(l.Redis, "}")
		return formats[head+"}"] != strconv.Itoa(format)
	})
	text, err := json.MarshalIndent(all, "", " ")
	must(c.t, err)
	return string(text)
}

// earlier are the commits to upgrade from, as far as git has them.
func earlier(t *testing.T) (commits []string) {
	t.Helper()
	list, err := os.ReadFile(filepath.Join("testdata", "upgrade-from"))
	must(t, err)
	for _, text := range append(strings.Split(string(list), "\n"), *upgradeFrom) {
		text, _, _ = strings.Cut(text, "#")
		commit := strings.TrimSpace(text)
		switch err := exec.Command("git", "cat-file", "-e", commit+"^{commit}").Run(); {
		case commit == "":
		case err != nil:
			t.Logf("not upgraded from %s: it is not in this machine's git: %v", commit, err)
		default:
			commits = append(commits, commit)
		}
	}
	return commits
}

// builtFrom builds the binary of a commit.
func builtFrom(t *testing.T, commit string) string {
	t.Helper()
	dir := t.TempDir()
	unpack := exec.Command("sh", "-c", `git -C "$(git rev-parse --show-toplevel)" archive "$1" | tar x -C "$2"`, "sh", commit, dir)
	if out, err := unpack.CombinedOutput(); err != nil {
		t.Fatalf("git archive %s: %v\n%s", commit, err, out)
	}
	return built(t, dir)
}

// builtNewer builds this binary, but for its format, which is the next.
func builtNewer(t *testing.T) string {
	t.Helper()
	root, err := filepath.Abs("..")
	must(t, err)
	const file = "bitmaps/seal.go"
	source, err := os.ReadFile(filepath.Join(root, file))
	must(t, err)
	is := fmt.Sprintf("const Format = %d", bitmaps.Format)
	if !strings.Contains(string(source), is) {
		t.Fatalf("%s does not say %q", file, is)
	}
	dir := t.TempDir()
	changed, overlay := filepath.Join(dir, "seal.go"), filepath.Join(dir, "overlay.json")
	must(t, os.WriteFile(changed, []byte(strings.Replace(string(source), is, fmt.Sprintf("const Format = %d", bitmaps.Format+1), 1)), 0o644))
	replaced, err := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(root, file): changed}})
	must(t, err)
	must(t, os.WriteFile(overlay, replaced, 0o644))
	return built(t, root, "-overlay", overlay)
}

func built(t *testing.T, dir string, flags ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "rollcall")
	build := exec.Command("go", slices.Concat([]string{"build", "-trimpath", "-o", path}, flags, []string{"./cmd/rollcall"})...)
	build.Dir = dir
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build in %s: %v\n%s", dir, err, out)
	}
	return path
}
