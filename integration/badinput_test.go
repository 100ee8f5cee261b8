package integration

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"rollcall/consumers"
)

// secret are digits of a phone number that occur nowhere by chance.
const secret = "2125550173"

// typed are the ways in which people type it.
var typed = []string{"+12125550173", "(212) 555-0173", "212-555-0173", "1.212.555.0173", "2125550173"}

// showsSecret tells whether the number can be read from b, punctuated or not.
func showsSecret(b []byte) bool {
	digits := bytes.Map(func(r rune) rune {
		if strings.ContainsRune(" -.()+", r) {
			return -1
		}
		return r
	}, b)
	return bytes.Contains(digits, []byte(secret)) || bytes.Contains(b, []byte(secret))
}

// badValues are what no producer should write, by name.
func badValues() map[string]string {
	phone := typed[1]
	return map[string]string{
		"garbage":       "\x00\xff\xfe{" + strings.Repeat("\x80\n", 50),
		"empty":         "",
		"null":          "null",
		"number":        "17",
		"cut off":       `{"account":"acme","contact":"c-1","phone":"` + phone,
		"two objects":   `{"account":"acme"}{"account":"acme"}`,
		"array":         `[{"account":"acme","contact":"c-1"}]`,
		"deep arrays":   `{"account":"acme","contact":"c-1","x":` + strings.Repeat("[", 50_000),
		"deep objects":  `{"account":"acme","contact":"c-1","x":` + strings.Repeat(`{"x":`, 50_000) + "1" + strings.Repeat("}", 50_000) + "}",
		"long text":     `{"account":"acme","contact":"c-1","phone":"` + phone + strings.Repeat(" ", 100_000) + `","message":"m","id":"` + strings.Repeat("i", 100_000) + `"}`,
		"long contact":  `{"account":"acme","contact":"` + strings.Repeat("c", 100_000) + `"}`,
		"long account":  `{"account":"` + strings.Repeat("a", 100_000) + `","contact":"c-1"}`,
		"wrong types":   `{"account":1,"contact":["c-1"],"phone":{"number":"` + phone + `"},"at":5,"member":"yes"}`,
		"no account":    `{"contact":"c-1","phone":"` + phone + `"}`,
		"nobody's":      `{"account":"nobody","contact":"c-1","phone":"` + phone + `"}`,
		"phone as name": `{"account":"` + phone + `","contact":"","phone":"` + phone + `"}`,
		"bad text":      "{\"account\":\"acme\",\"contact\":\"c-\xff\"}",
		"bad escape":    `{"account":"acme","contact":"\ud800"}`,
		"bad time":      `{"account":"acme","contact":"c-1","message":"m","list":"l","kind":"form","member":true,"at":"` + phone + `"}`,
	}
}

// TestBadInput writes to every topic what can't be read, phones among it, and
// then looks for the phones everywhere.
func TestBadInput(t *testing.T) {
	c := newCluster(t)
	p := c.serve().ready()
	a := tenant{"acme", "UTC", "US", 730, map[string]string{"us": "all contacts where phone in US", "all": "all contacts"}}
	a.create(t, p)
	a.define(t, p, "ua")

	sound := fmt.Sprintf(`{"account":"acme","contact":"c-sound","phone":%q}`, typed[0])
	files := badFiles(t)
	for _, topic := range producersTopics {
		for _, key := range []string{"acme/c-1", "acme", ""} {
			if topic != "contacts" || key != "" { // compacted topics take no record without a key
				c.kcatMessages(topic, key, files)
			}
		}
	}
	for i, phone := range typed {
		contact := fmt.Sprintf("c-typed-%d", i)
		c.put("contacts", "acme/"+contact, fmt.Sprintf(`{"account":"acme","contact":%q,"phone":%q}`, contact, phone))
	}
	c.put("contacts", "acme/c-sound", sound)
	s := c.settled(p)

	expectMember(t, p, "acme", "us", "c-sound", true)
	expectMember(t, p, "acme", "us", "c-typed-1", true)
	want := c.expect([]tenant{a}, 8, nil)
	compare(t, []tenant{a}, c.collect(p, []tenant{a}), want, nil)
	compareOutcomes(t, s, want)
	c.expectAllCounted(s)
	c.expectDeadLetters(s, 0)
	if n := int64(len(files) * len(producersTopics)); s.Outcomes["dead_lettered"] < n {
		t.Errorf("only %d dead letters of %d bad records", s.Outcomes["dead_lettered"], 3*n)
	}
	t.Logf("dead letters: %v", s.DeadLetters)
	c.expectNoSecret(p)
}

// badFiles writes each bad value to a file: as kcat reads them they may hold
// line ends.
func badFiles(t *testing.T) (files []string) {
	t.Helper()
	dir := t.TempDir()
	values := badValues()
	for i, name := range slices.Sorted(maps.Keys(values)) {
		path := filepath.Join(dir, fmt.Sprint(i))
		must(t, os.WriteFile(path, []byte(values[name]), 0o600))
		files = append(files, path)
	}
	return files
}

// kcatMessages writes each file as one record.
func (c *cluster) kcatMessages(topic, key string, files []string) {
	c.t.Helper()
	args := append([]string{"-P", "-b", c.kafka.Addr(), "-t", topic}, likeJava...)
	if key != "" {
		args = append(args, "-k", key)
	}
	if problem := c.runKcat(nil, append(args, files...)); problem != "" {
		c.t.Fatalf("kcat to %s: %s", topic, problem)
	}
}

// expectNoSecret looks for the phone in whatever rollcall wrote, but for dead
// letters, and records that it hands on as they are.
func (c *cluster) expectNoSecret(p *process) {
	c.t.Helper()
	_, metrics := ask(c.t, p, "", "GET", "/metrics", nil)
	_, status := ask(c.t, p, "", "GET", "/v1/status", nil)
	for where, text := range map[string][]byte{"the output": []byte(p.output()), "the metrics": metrics, "the status": status} {
		if showsSecret(text) {
			c.t.Errorf("a phone number in %s", where)
		}
	}
	counts, err := c.client.Topics(c.t.Context())
	must(c.t, err)
	for topic := range counts {
		if !strings.HasPrefix(topic, "rollcall.") || topic == "rollcall.dead-letters" || topic == "rollcall.inbox" {
			continue
		}
		c.read(func(r *consumers.Record) {
			if showsSecret(r.Key) || showsSecret(r.Value) {
				c.t.Errorf("a phone number in %s at %d", r.TopicPartition, r.Offset)
			}
		}, topic)
	}
	c.expectNoSecretInRedis()
}

// expectNoSecretInRedis reads every key, field and value there is.
func (c *cluster) expectNoSecretInRedis() {
	c.t.Helper()
	ctx, client := c.t.Context(), c.redisClient()
	keys, read := 0, 0
	look := func(key string, values ...string) {
		for _, v := range values {
			read += len(v)
			if showsSecret([]byte(v)) {
				c.t.Errorf("a phone number in Redis, under %s", key)
			}
		}
	}
	for it := client.Scan(ctx, 0, "*", 1000).Iterator(); it.Next(ctx); {
		key := it.Val()
		keys++
		look(key, key)
		values, err := redisValues(c.t, client, key)
		must(c.t, err)
		look(key, values...)
	}
	c.t.Logf("looked through %d keys and %d bytes in Redis", keys, read)
	if keys == 0 {
		c.t.Error("Redis is empty")
	}
}

func redisValues(t *testing.T, client *redis.Client, key string) (values []string, err error) {
	ctx := t.Context()
	kind, err := client.Type(ctx, key).Result()
	if err != nil {
		return nil, err
	}
	switch kind {
	case "string":
		v, err := client.Get(ctx, key).Result()
		return []string{v}, err
	case "set":
		return client.SMembers(ctx, key).Result()
	case "list":
		return client.LRange(ctx, key, 0, -1).Result()
	case "hash":
		fields, err := client.HGetAll(ctx, key).Result()
		for field, v := range fields {
			values = append(values, field, v)
		}
		return values, err
	case "stream":
		entries, err := client.XRange(ctx, key, "-", "+").Result()
		for _, e := range entries {
			for field, v := range e.Values {
				values = append(values, field, fmt.Sprint(v))
			}
		}
		return values, err
	}
	return nil, fmt.Errorf("%s is a %s, of which this test knows nothing", key, kind)
}

// TestSecretIsFound makes sure that the search would find something.
func TestSecretIsFound(t *testing.T) {
	for _, phone := range typed {
		if !showsSecret([]byte("\x00phone=" + phone + "\xff")) {
			t.Errorf("%s is not found", phone)
		}
	}
	if showsSecret([]byte("2026-11-23 212 555")) {
		t.Error("found where it is not")
	}
}
