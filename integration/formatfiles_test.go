package integration

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"rollcall/consumers"
)

// storedLine is a line of a stored state: a record of the log, or a key of Redis.
type storedLine struct {
	Topic     string      `json:"topic,omitempty"`
	Partition int32       `json:"partition,omitempty"`
	Offset    int64       `json:"offset,omitempty"`
	Time      int64       `json:"time,omitempty"` // Unix ms
	Key       []byte      `json:"key,omitempty"`
	Value     []byte      `json:"value"`
	Headers   [][2][]byte `json:"headers,omitempty"`

	Redis  string            `json:"redis,omitempty"` // the key
	Hash   map[string][]byte `json:"hash,omitempty"`
	Stream []storedEntry     `json:"stream,omitempty"`
	Text   []byte            `json:"text,omitempty"`
}

type storedEntry struct {
	ID     string            `json:"id"`
	Values map[string][]byte `json:"values"`
}

var (
	madeBy  = flag.String("made-by", "", "a rollcall, for TestMakeFormat to make a stored state with")
	madeAs  = flag.String("made-as", "", "what TestMakeFormat calls the state, such as state-4")
	madeOut = flag.String("made-export", "", "what TestMakeFormat calls an export of it, such as export-2; none if empty")
)

// TestMakeFormat makes what testdata/formats keeps, with another binary.
func TestMakeFormat(t *testing.T) {
	if *madeBy == "" {
		t.Skip("makes a fixture, with -made-by")
	}
	c := newCluster(t)
	p := startOf(t, *madeBy, append(c.flags(), "--partitions", "2")...).ready()
	kept.create(t, p)
	for _, id := range slices.Sorted(maps.Keys(kept.segments)) {
		putSegment(t, p, kept.id, id, kept.segments[id])
	}
	files, _, err := writeFiles(t.TempDir(), history(t, []population{{kept, 1}}, 300, 1))
	must(t, err)
	c.kcatFiles(files)                                                                     // librdkafka's partitions: a half is forwarded
	c.kcat("contacts", strings.NewReader(line("kept/c-7", "")), append(likeJava, "-Z")...) // erased
	s := c.settled(p)
	t.Logf("outcomes %v", s.Outcomes)
	compare(t, []tenant{kept}, c.collect(p, []tenant{kept}), c.expect([]tenant{kept}, keptPartitions, nil), nil)
	dir := filepath.Join("testdata", "formats")
	must(t, os.MkdirAll(dir, 0o755))
	if *madeOut != "" {
		args := append([]string{"state", "export", filepath.Join(dir, *madeOut)}, c.flags()...)
		if out, err := exec.Command(*madeBy, args...).CombinedOutput(); err != nil {
			t.Fatalf("export: %v\n%s", err, out)
		}
	}
	p.stop()
	c.save(filepath.Join(dir, *madeAs+".jsonl.gz"))
}

// save writes the whole log and all of Redis to a file.
func (c *cluster) save(path string) {
	c.t.Helper()
	counts, err := c.client.Topics(c.t.Context())
	must(c.t, err)
	f, err := os.Create(path)
	must(c.t, err)
	z, err := gzip.NewWriterLevel(f, gzip.BestCompression)
	must(c.t, err)
	lines := json.NewEncoder(z)
	topics := slices.DeleteFunc(slices.Sorted(maps.Keys(counts)), func(topic string) bool { return strings.HasPrefix(topic, "__") })
	c.read(func(r *consumers.Record) {
		l := storedLine{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Time: r.Time, Key: r.Key, Value: r.Value}
		for _, h := range r.Headers() {
			l.Headers = append(l.Headers, [2][]byte{[]byte(h.Key), h.Value})
		}
		must(c.t, lines.Encode(l))
	}, topics...)
	for _, k := range c.stored() {
		must(c.t, lines.Encode(k))
	}
	must(c.t, errors.Join(z.Close(), f.Close()))
}

// stored is all that is in Redis, in the order of the keys.
func (c *cluster) stored() (all []storedLine) {
	c.t.Helper()
	client := c.redisClient()
	keys, err := client.Keys(c.t.Context(), "*").Result()
	must(c.t, err)
	for _, key := range slices.Sorted(slices.Values(keys)) {
		l := storedLine{Redis: key, Hash: map[string][]byte{}}
		switch kind := client.Type(c.t.Context(), key).Val(); kind {
		case "hash":
			fields, err := client.HGetAll(c.t.Context(), key).Result()
			must(c.t, err)
			for name, value := range fields {
				l.Hash[name] = []byte(value)
			}
		case "stream":
			entries, err := client.XRange(c.t.Context(), key, "-", "+").Result()
			must(c.t, err)
			for _, e := range entries {
				values := map[string][]byte{}
				for name, value := range e.Values {
					values[name] = []byte(value.(string))
				}
				l.Stream = append(l.Stream, storedEntry{e.ID, values})
			}
		case "string":
			text, err := client.Get(c.t.Context(), key).Bytes()
			must(c.t, err)
			l.Text = text
		case "none": // deleted meanwhile
			continue
		default:
			c.t.Fatalf("%s is a %s", key, kind)
		}
		all = append(all, l)
	}
	return all
}

// load puts what save wrote into empty servers, records at their offsets and
// with their times.
func (c *cluster) load(path string) {
	c.t.Helper()
	f, err := os.Open(path)
	must(c.t, err)
	defer f.Close()
	z, err := gzip.NewReader(bufio.NewReader(f))
	must(c.t, err)
	var messages []consumers.Message
	var offsets []int64
	topics, client := map[string]bool{}, c.redisClient()
	for lines := json.NewDecoder(z); ; {
		var l storedLine
		if err := lines.Decode(&l); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			c.t.Fatalf("%s: %v", path, err)
		}
		if l.Redis != "" {
			c.restore(client, &l)
			continue
		}
		m := consumers.Message{Topic: l.Topic, Partition: l.Partition, Key: l.Key, Value: l.Value, Time: time.UnixMilli(l.Time)}
		for _, h := range l.Headers {
			m.Headers = append(m.Headers, consumers.Header{Key: string(h[0]), Value: h[1]})
		}
		messages, offsets, topics[l.Topic] = append(messages, m), append(offsets, l.Offset), true
	}
	c.createAll(slices.Sorted(maps.Keys(topics)))
	at, err := c.client.Producer(consumers.ProducerConfig{}).Write(c.t.Context(), messages)
	must(c.t, err)
	if !slices.Equal(at, offsets) {
		c.t.Fatalf("%s: the records are not where they were", path)
	}
}

// createAll creates topics that keep records of any age.
func (c *cluster) createAll(topics []string) {
	c.t.Helper()
	var specs []consumers.TopicSpec
	for _, topic := range topics {
		n := keptPartitions
		if topic == "rollcall.definitions" {
			n = 1
		}
		specs = append(specs, consumers.TopicSpec{
			Name: topic, Partitions: n, ReplicationFactor: -1, Config: map[string]string{"retention.ms": "-1"},
		})
	}
	_, err := c.client.EnsureTopics(c.t.Context(), specs)
	must(c.t, err)
}

func (c *cluster) restore(client *redis.Client, l *storedLine) {
	c.t.Helper()
	if l.Text != nil {
		must(c.t, client.Set(c.t.Context(), l.Redis, l.Text, 0).Err())
	}
	for name, value := range l.Hash {
		must(c.t, client.HSet(c.t.Context(), l.Redis, name, value).Err())
	}
	for _, e := range l.Stream {
		values := map[string]any{}
		for name, value := range e.Values {
			values[name] = value
		}
		must(c.t, client.XAdd(c.t.Context(), &redis.XAddArgs{Stream: l.Redis, ID: e.ID, Values: values}).Err())
	}
}
