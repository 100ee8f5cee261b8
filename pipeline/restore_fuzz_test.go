package pipeline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"testing"
	"time"

	"rollcall/bitmaps"
	"rollcall/consumers"
	"rollcall/pipeline/catalog"
	"rollcall/pipeline/segment"
)

// fuzzWorld is a partition on a Kafka and a Redis in memory, and a view of it.
type fuzzWorld struct {
	redis  *memoryRedis
	log    *memoryLog
	config Config
	view   *View
}

// fuzzDefinitions are segments of the account acme that ask for all there is.
var fuzzDefinitions = map[string]string{
	"s-1": "all contacts where valid phone and not opted out",
	"s-2": `segment "s-1" where clicked at least 2 times in last 30 days or sent message "m-1" on at least 2 days between 3 and 9 days ago`,
	"s-3": `list "l-1" where replied in last 7 days or phone in US, CA or in segment "s-2"`,
}

// newFuzzWorld has the definitions, and no records. It logs nothing: damage is
// what it is for.
func newFuzzWorld(t testing.TB) *fuzzWorld {
	t.Helper()
	logger := slog.Default()
	slog.SetDefault(slog.New(slog.DiscardHandler))
	t.Cleanup(func() { slog.SetDefault(logger) })
	w := &fuzzWorld{redis: newMemoryRedis(), log: newMemoryLog()}
	w.log.now = fuzzNow.UnixMilli()
	client := w.redis.client()
	t.Cleanup(func() { _ = client.Close() })
	c := catalog.New()
	define := func(value []byte) {
		w.write(TopicDefinitions, "", value)
		if err := c.Fold(c.Offset(), w.log.now, value); err != nil {
			t.Fatal(err)
		}
	}
	define([]byte(`{"type":"settings","erasure_key":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}`))
	define([]byte(`{"type":"account.put","account":"acme","timezone":"America/New_York","retention_days":90,"default_region":"US"}`))
	for _, id := range slices.Sorted(maps.Keys(fuzzDefinitions)) {
		def, err := segment.Parse(fuzzDefinitions[id])
		if err != nil {
			t.Fatal(err)
		}
		json, err := def.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		define(fmt.Appendf(nil, `{"type":"segment.put","account":"acme","id":%q,"name":"N","definition":%s}`, id, json))
	}
	now := func() time.Time { return fuzzNow }
	store := bitmaps.NewStore(client, "rollcall")
	w.config = Config{
		Partitions: 1, Store: store, Log: w.log, Catalog: c, Now: now, Publish: true,
		CatchUp: func(context.Context) error { return nil }, Limits: Limits{Changelog: 200, Flush: 4000, Loaded: 4},
	}
	w.view = NewView(ViewConfig{Partitions: 1, Store: store, Catalog: c, Now: now})
	return w
}

func (w *fuzzWorld) write(topic, key string, value []byte) {
	_, _ = w.log.Write(context.Background(), []consumers.Message{{Topic: topic, Key: []byte(key), Value: value}}) // never fails
}

// live writes records of what happens to a few contacts on a day.
func (w *fuzzWorld) live(contacts, daysAgo int) {
	at := fuzzNow.AddDate(0, 0, -daysAgo).Format(time.RFC3339)
	for c := range contacts {
		id := fmt.Sprint("c-", c)
		say := func(topic, fields string) {
			w.write(topic, acme+"/"+id, fmt.Appendf(nil, `{"account":"acme","contact":%q,%s}`, id, fields))
		}
		say(TopicContacts, fmt.Sprintf(`"phone":"201 555 %04d"`, c))
		say(TopicLists, fmt.Sprintf(`"kind":"marketing","list":"l-1","name":"L %d","member":%t,"at":%q`, daysAgo, c%3 > 0, at))
		for n := range c % 4 {
			fields := fmt.Sprintf(`"id":"%d-%d","message":"m-%d","at":%q`, daysAgo, n, n, at)
			say(TopicSent, fields+fmt.Sprintf(`,"message_name":"M %d"`, daysAgo))
			say(TopicFailed, fields+fmt.Sprintf(`,"reason":"r-%d"`, n))
			say(TopicClicked, fields)
			say(TopicReplied, fields)
		}
		say([]string{TopicOptedIn, TopicOptedOut}[c%2], fmt.Sprintf(`"message":"m-1","at":%q`, at))
	}
	w.write(TopicContacts, acme+"/c-0", nil)
}

// run opens the partition and has it read everything there is.
func (w *fuzzWorld) run() error {
	ctx := context.Background()
	task, err := Open(ctx, w.config, 0, w.log.taskMarks(0, 1))
	if err != nil {
		return err
	}
	publish := func() error { // what waits to be published, at once
		for len(task.changes.queue) > 0 {
			if err := task.changes.step(ctx); err != nil {
				return err
			}
		}
		return nil
	}
	for tp, from := range task.Offsets() {
		records := w.log.of(tp)
		if from < 0 || from > int64(len(records)) {
			return errors.New("an offset beyond the log")
		}
		for ; from < int64(len(records)); from += 10 {
			to := min(from+10, int64(len(records)))
			batch := consumers.Batch{Records: records[from:to], Next: []consumers.NextOffset{{TopicPartition: tp, Offset: to}}}
			if err := errors.Join(task.Process(ctx, &batch), publish()); err != nil {
				return err
			}
		}
	}
	for worked := true; worked; {
		if worked, err = task.Compose(ctx); err != nil {
			return err
		}
		if err := publish(); err != nil {
			return err
		}
	}
	return nil
}

// ask has the view read the partition, and asks it everything.
func (w *fuzzWorld) ask() error {
	ctx := context.Background()
	if err := w.view.replicas[0].load(ctx); err != nil {
		return err
	}
	for id := range fuzzDefinitions {
		w.view.Size(acme, id)
		_, _, _ = w.view.Check(ctx, acme, id, []string{"c-0", "c-1", "nobody"})
		_, _, _ = w.view.Stream(ctx, acme, segment.Origin{Kind: segment.Segment, Name: id}, StreamQuery{Slice: 1, Slices: 2}, func([]string, string) error { return nil })
		if _, _, err := w.view.Preview(ctx, acme, w.config.Catalog.Account(acme).Segment(id).Definition, ""); err != nil {
			return err
		}
	}
	return nil
}

// fragment stores a fragment, and counts it as a commit does.
func (w *fuzzWorld) fragment(name string, payload []byte) {
	w.redis.hash(acmeKey)[name] = string(resealed(payload))
	w.redis.hash("rollcall:{p0}:accounts")[acme] = fmt.Sprint(len(w.redis.hash(acmeKey)))
}

// entry appends a commit of these ops to the changelog, under the checkpoint of
// the one before or another.
func (w *fuzzWorld) entry(ops, checkpoint []byte) {
	head, err := w.config.Store.Head(context.Background(), 0)
	if err != nil {
		return
	}
	head.Seq++
	head.Checkpoint.Seq = head.Seq
	stored := string(head.Checkpoint.Encode())
	if len(checkpoint) > 0 {
		stored = string(resealed(checkpoint))
	}
	fields := w.redis.hash("rollcall:{p0}")
	fields["seq"], fields["checkpoint"] = fmt.Sprint(head.Seq), stored
	w.redis.add("rollcall:{p0}:log", int64(head.Seq), map[string]any{"e": string(resealed(ops)), "c": stored})
}

// resealed is a payload as it is stored.
func resealed(payload []byte) []byte {
	return bitmaps.SealEntry(append(bitmaps.NewEntry(nil), payload...))
}

func payload(stored []byte) []byte { return stored[len(bitmaps.NewEntry(nil)):] }

const acmeKey = "rollcall:{p0}:a:acme"

// fuzzBase is a state with a bit of everything, some of it in the changelog only.
func fuzzBase(t testing.TB) *fuzzWorld {
	t.Helper()
	w := newFuzzWorld(t)
	for _, daysAgo := range []int{8, 5, 1, 0} {
		w.live(6, daysAgo)
		if daysAgo == 0 {
			w.config.Limits.Changelog = 1 << 20 // the rest stays there
		}
		if err := w.run(); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.ask(); err != nil {
		t.Fatal(err)
	}
	return w
}

// restored is a copy of a world's Redis, for one that goes on from it.
func (w *fuzzWorld) restored(from *fuzzWorld) {
	w.redis.FlushAll()
	for key, hash := range from.redis.hashes {
		w.redis.hashes[key] = maps.Clone(hash)
	}
	for key, stream := range from.redis.streams {
		w.redis.streams[key] = slices.Clone(stream)
	}
	w.log.records = map[consumers.TopicPartition][]consumers.Record{}
	for tp, records := range from.log.records {
		w.log.records[tp] = slices.Clone(records)
	}
	r := w.view.replicas[0]
	r.clear(w.config.Catalog)
}

// FuzzRestore damages a stored state under checksums that fit: one of its
// fragments, and an entry behind its changelog with its checkpoint. Whoever takes
// the partition over or answers from it gets an error, or a state that goes on:
// it takes more records, and answers.
func FuzzRestore(f *testing.F) {
	base := fuzzBase(f)
	for name, value := range base.redis.hashes[acmeKey] {
		f.Add(name, payload([]byte(value)), []byte{}, []byte{})
	}
	for _, m := range base.redis.streams["rollcall:{p0}:log"] {
		if ops, ok := m.Values["e"].(string); ok {
			f.Add("", []byte{}, payload([]byte(ops)), payload([]byte(m.Values["c"].(string))))
		}
	}
	for _, ops := range [][]bitmaps.Op{
		{{Code: bitmaps.OpDropAccount}},
		{{Code: bitmaps.OpContact, Name: "of no account"}},
		{{Code: bitmaps.OpAccount, Name: acme}, {Code: bitmaps.OpEvents, Series: 9, Events: []bitmaps.Event{{Contact: 1}}}},
		{{Code: bitmaps.OpAccount, Name: acme}, {Code: bitmaps.OpMembers, Name: "s-1", On: []uint32{100}, Off: []uint32{1000}}},
		{{Code: bitmaps.OpAccount, Name: acme}, {Code: bitmaps.OpComposed, Day: -1 << 20, Offset: -1}},
		{{Code: bitmaps.OpAccount, Name: "unknown"}, {Code: bitmaps.OpContact, Number: 7, Name: "c"}},
		{{Code: bitmaps.OpAccount, Name: acme}, {Code: bitmaps.OpMessage, Number: 1<<32 - 1, Name: "m"}},
	} {
		f.Add("", []byte{}, payload(encodeOps(ops)), []byte{})
	}
	day := segment.DateOf(fuzzNow)
	f.Add("m", payload(bitmaps.EncodeMeta(bitmaps.AccountMeta{Contacts: 70_000})), []byte{}, []byte{})
	f.Add(fmt.Sprintf("e:1:%d:0:0", day), payload(bitmaps.EncodeEvents([]bitmaps.Event{{Contact: 1 << 31}})), []byte{}, []byte{})
	w := newFuzzWorld(f)
	f.Fuzz(func(t *testing.T, name string, fragment, ops, checkpoint []byte) {
		if field, err := bitmaps.ParseField(name); err == nil && !near(field, fragment) || !nearOps(ops) {
			return
		}
		w.restored(base)
		if name != "" {
			w.fragment(name, fragment)
			w.redis.hash("rollcall:{p0}:accounts")[acme] = fmt.Sprint(len(w.redis.hash(acmeKey)))
		}
		if len(ops) > 0 {
			w.entry(ops, checkpoint)
		}
		_ = w.ask()
		w.live(3, 0)
		if w.run() == nil {
			_ = w.ask()
		}
	})
}

func encodeOps(ops []bitmaps.Op) []byte {
	b := bitmaps.NewEntry(nil)
	for i := range ops {
		b = bitmaps.AppendOp(b, &ops[i])
	}
	return bitmaps.SealEntry(b)
}

// FuzzProgress lets rollcall.progress and rollcall.erasures hold any record, with
// the state that Redis has and with none. Whoever takes the partition over gets
// an error, or goes on.
func FuzzProgress(f *testing.F) {
	base := fuzzBase(f)
	for _, topic := range []string{TopicProgress, TopicErasures} {
		for _, r := range base.log.of(consumers.TopicPartition{Topic: topic}) {
			f.Add(topic == TopicErasures, false, r.Key, r.Value)
		}
	}
	f.Add(false, true, []byte("done/sms.sent/0"), []byte("9223372036854775807"))
	f.Add(false, true, []byte("done//"), []byte("-1"))
	f.Add(false, true, []byte("published/0"), []byte(`{"lineage":"x","seq":18446744073709551615,"offsets":[{"Topic":"sms.sent","Next":7},{"Topic":"","Next":-1}],"definitions":3,"now":1794744000000}`))
	f.Add(false, true, []byte("published/0"), []byte(`{"lineage":"x","seq":0,"offsets":null,"definitions":-9,"now":0}`))
	f.Add(false, false, []byte(nil), []byte(`null`))
	f.Add(true, false, []byte("acme/00"), []byte("1"))
	w := newFuzzWorld(f)
	f.Fuzz(func(t *testing.T, erasure, lost bool, key, value []byte) {
		w.restored(base)
		if lost {
			w.redis.FlushAll()
		}
		topic := TopicProgress
		if erasure {
			topic = TopicErasures
		}
		w.write(topic, string(key), value)
		w.live(2, 0)
		if w.run() == nil {
			_ = w.ask()
		}
	})
}

// farthest is the largest number of a contact that is fuzzed. Numbers are dense,
// so that there is memory for all that come before one.
const farthest = 3 * bitmaps.PieceSize

func near(f bitmaps.Field, fragment []byte) bool {
	far := slices.ContainsFunc(f.N[:], func(n uint32) bool { return n > 300 && f.Kind != bitmaps.Day && f.Kind != bitmaps.Events })
	switch f.Kind {
	case bitmaps.Meta:
		m, _ := bitmaps.DecodeMeta(resealed(fragment))
		return max(m.Contacts, m.Messages, m.Lists, m.Reasons) <= farthest
	case bitmaps.ListRegisters:
		registers, _ := bitmaps.DecodeListRegisters(resealed(fragment))
		far = far || slices.ContainsFunc(registers, func(r bitmaps.ListRegister) bool { return r.Contact > farthest })
	case bitmaps.Day:
		return f.N[1] <= 3
	case bitmaps.Events:
		return f.N[2] <= 3
	}
	return !far
}

func nearOps(ops []byte) bool {
	far := errors.New("far")
	return !errors.Is(bitmaps.EachOp(resealed(ops), func(op *bitmaps.Op) error {
		most := max(op.Number, op.List)
		if op.Code == bitmaps.OpComposed || op.Code == bitmaps.OpDropDays {
			most *= bitmaps.PieceSize
		}
		for _, e := range op.Events {
			most = max(most, e.Contact)
		}
		for _, numbers := range [][]uint32{op.On, op.Off} {
			for _, n := range numbers {
				most = max(most, n)
			}
		}
		if most > farthest {
			return far
		}
		return nil
	}), far)
}
