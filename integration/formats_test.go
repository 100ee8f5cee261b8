package integration

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"rollcall/bitmaps"
	"rollcall/pipeline/portable"
)

// kept is the account of the states of every format that are kept in
// testdata/formats.
var kept = tenant{"kept", "America/New_York", "US", 730, map[string]string{
	"a-in":       `all contacts where opted in and not opted out`,
	"a-out":      `all contacts where opted out`,
	"a-clickers": `all contacts where opted in and phone in US and clicked in last 300 days`,
	"a-often":    `all contacts where sent at least 3 times ever and not replied ever`,
	"a-list":     `list "newsletter" where valid phone and not opted out`,
	"b-inner":    `segment "a-clickers" where clicked at least 2 times ever`,
}}

const keptPartitions = 2

// TestFormats starts on stored states of every format that there ever was, each
// with the log that it was made from. The newest is read, older ones are made
// anew, and members are those of the naive way.
func TestFormats(t *testing.T) {
	takesLong(t)
	for format := 1; format <= bitmaps.Format; format++ {
		t.Run(strconv.Itoa(format), func(t *testing.T) {
			c := newCluster(t)
			c.load(keptState(format))
			formats := c.formats()
			for key, is := range formats {
				if is != strconv.Itoa(format) {
					t.Fatalf("%s is of format %s", key, is)
				}
			}
			if len(formats) != keptPartitions {
				t.Fatalf("heads: %v", formats)
			}
			p := c.serve("--allow-create-time")
			c.settled(p)
			compare(t, []tenant{kept}, c.collect(p, []tenant{kept}), c.expect([]tenant{kept}, keptPartitions, nil), nil)
			c.verifies(p, 0, "0 differences")
			anew := strings.Count(p.output(), fmt.Sprintf("of an older format and is made anew from the log partition=0 found=%d format=%d", format, bitmaps.Format))
			if want := map[bool]int{true: 1}[format < bitmaps.Format]; anew != want || strings.Contains(p.output(), "damaged") {
				t.Errorf("said %d times, not %d, that the state is made anew, or that it is damaged:\n%s", anew, want, p.lastLines())
			}
			for key, is := range c.formats() {
				if is != strconv.Itoa(bitmaps.Format) {
					t.Errorf("%s is of format %s in the end", key, is)
				}
			}
		})
	}
}

// TestExportFormats imports exports of every format that there ever was: the
// newest, and the others not.
func TestExportFormats(t *testing.T) {
	takesLong(t)
	for format, state := range map[int]int{1: 3, 2: 4} {
		t.Run(strconv.Itoa(format), func(t *testing.T) {
			c := newCluster(t)
			c.load(keptState(state))
			c.wipe()
			dir := filepath.Join("testdata", "formats", fmt.Sprint("export-", format))
			if format < portable.Format {
				c.state(1, fmt.Sprintf("format %d, this binary reads %d", format, portable.Format), "import", dir)
				if n := c.redisClient().DBSize(t.Context()).Val(); n != 0 {
					t.Errorf("there are %d keys in Redis", n)
				}
				return
			}
			c.state(0, "imported from", "import", dir)
			p := c.serve("--allow-create-time")
			c.settled(p)
			compare(t, []tenant{kept}, c.collect(p, []tenant{kept}), c.expect([]tenant{kept}, keptPartitions, nil), nil)
			c.verifies(p, 0, "0 differences")
			if strings.Contains(p.output(), "made anew") {
				t.Errorf("what was imported was made anew:\n%s", p.lastLines())
			}
		})
	}
}

// TestNewerFormatIsRefused starts on a state of a newer format: it is named
// wherever one looks, not touched, and read again once it is of a known format.
func TestNewerFormatIsRefused(t *testing.T) {
	c := newCluster(t)
	p := c.serve("--max-staleness", "2s").ready()
	c.fill(p, "shop", 50)
	shop := []tenant{{"shop", "UTC", "US", 730, map[string]string{"in": "all contacts where opted in"}}}
	p.stop()
	c.setFormat(bitmaps.Format + 1)
	before := c.dump()
	p = c.serve("--max-staleness", "2s")
	named := fmt.Sprintf("the state is of format %d, and this binary knows up to format %d", bitmaps.Format+1, bitmaps.Format)
	eventually(t, c.patience, "the format is named by /readyz, the status and the output", func() error {
		code, readyz := ask(t, p, "", "GET", "/readyz", nil)
		s := status(t, p)
		for where, text := range map[string]string{
			"/readyz": string(readyz), "the status": strings.Join(s.Freshness.Missing, "; "), "the output": p.output(),
		} {
			if !strings.Contains(text, named) {
				return fmt.Errorf("%s: %.500s", where, text)
			}
		}
		if code != 503 || s.Freshness.Fresh || s.DataLost {
			t.Fatalf("/readyz is answered %d, fresh %v, lost %v", code, s.Freshness.Fresh, s.DataLost)
		}
		return nil
	})
	c.verifies(p, 1, "format: partition 0")
	c.state(1, named, "export", filepath.Join(t.TempDir(), "export"))
	c.put("sms.opted_out", "shop/c-1", `{"account":"shop","contact":"c-1"}`)
	p.stop()
	if after := c.dump(); after != before {
		t.Errorf("a state of a newer format was touched: it was\n%.2000s\nand is\n%.2000s", before, after)
	}
	c.setFormat(bitmaps.Format)
	p = c.serve("--max-staleness", "2s").ready()
	c.settled(p)
	compare(t, shop, c.collect(p, shop), c.expect(shop, 8, nil), nil)
	if strings.Contains(p.output(), "made anew") {
		t.Errorf("the state was made anew:\n%s", p.lastLines())
	}
}

func keptState(format int) string {
	return filepath.Join("testdata", "formats", fmt.Sprintf("state-%d.jsonl.gz", format))
}

// heads are the keys of the partitions' heads.
func (c *cluster) heads() []string {
	c.t.Helper()
	keys, err := c.redisClient().Keys(c.t.Context(), "rollcall:{p*}").Result()
	must(c.t, err)
	return keys
}

// formats is what each partition's head says of its format.
func (c *cluster) formats() map[string]string {
	c.t.Helper()
	found := map[string]string{}
	for _, key := range c.heads() {
		format, err := c.redisClient().HGet(c.t.Context(), key, "format").Result()
		must(c.t, err)
		found[key] = format
	}
	return found
}

// setFormat has the state be of a format, as far as the heads say.
func (c *cluster) setFormat(format int) {
	c.t.Helper()
	for _, key := range c.heads() {
		must(c.t, c.redisClient().HSet(c.t.Context(), key, "format", format).Err())
	}
}

// dump is all that is in Redis.
func (c *cluster) dump() string {
	c.t.Helper()
	text, err := json.MarshalIndent(c.stored(), "", " ")
	must(c.t, err)
	return string(text)
}
