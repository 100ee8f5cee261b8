package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"rollcall/consumers"
	"rollcall/pipeline/catalog"
	"rollcall/pipeline/history"
	"rollcall/pipeline/naive"
)

// startReplay is of all there is of topics that are named as name or
// as name=as.
func (h *harness) startReplay(topics ...string) int64 {
	h.t.Helper()
	start := catalog.StartReplay{To: h.now.AddDate(0, 0, 1).UnixMilli()} // records of a history may be a little ahead
	for _, topic := range topics {
		name, as, _ := strings.Cut(topic, "=")
		start.Topics = append(start.Topics, catalog.ReplayTopic{Name: name, As: as})
	}
	id, err := h.defs.Put(h.t.Context(), start)
	h.must(err)
	return id
}

// copySome lets each copier do so many steps, and tasks apply what they copied.
func (h *harness) copySome(steps int) (worked bool) {
	h.t.Helper()
	for range steps {
		h.must(h.process.catchUp(h.t.Context()))
		h.settle()
		for p := range h.tasks {
			_, more, err := h.task(int32(p)).copier.step(h.t.Context())
			h.must(err)
			worked = worked || more
		}
	}
	return worked
}

// replayed lets a replay go on to its end, and holds its report against the log.
func (h *harness) replayed(id int64) (*catalog.Replay, catalog.ReplayPart) {
	h.t.Helper()
	for h.copySome(1) {
	}
	h.compareReplays()
	r := h.defined.Replay(id)
	if r.State() == catalog.ReplayRunning {
		h.t.Fatal("the replay does not end")
	}
	var sum catalog.ReplayPart
	for _, report := range r.Reports {
		for _, part := range report.Parts {
			sum.Read, sum.Applied, sum.Repeated = sum.Read+part.Read, sum.Applied+part.Applied, sum.Repeated+part.Repeated
			sum.Forwarded, sum.DeadLettered = sum.Forwarded+part.Forwarded, sum.DeadLettered+part.DeadLettered
			sum.LeftOut += part.LeftOut
		}
	}
	return r, sum
}

// Archives of another name and another number of partitions come to the same as
// the naive way of their records, read as those of the topics that they are of.
func TestReplayOfArchives(t *testing.T) {
	for seed := range uint64(30) {
		hist := history.New(seed, history.Options{Steps: 6, Partitions: 5})
		h := newHarness(t, 3, seed+1)
		h.now = hist.Steps[len(hist.Steps)-1].Now
		for _, a := range hist.World(0).Accounts {
			h.account(a)
		}
		for _, step := range hist.Steps {
			for _, c := range step.Changes {
				h.change(c)
			}
			for _, run := range step.Runs {
				run.Topic = "old." + run.Topic
				h.log.append(run)
			}
		}
		var topics []string
		for _, topic := range sourceTopics[:8] {
			if len(h.partitionsOf("old."+topic)) > 0 {
				topics = append(topics, "old."+topic+"="+topic)
			}
		}
		r, _ := h.replayed(h.startReplay(topics...))
		if r.State() != catalog.ReplayDone {
			t.Fatalf("seed %d: %s: %s", seed, r.State(), r.Failure)
		}
		h.settle()
		world := hist.World(len(hist.Steps))
		want := naive.Fold(world, h.now)
		for _, a := range world.Accounts {
			for id := range a.Segments {
				h.compareMembers("owner", h.members(a.ID, id), want.Members(a.ID, id), want, a, id)
			}
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func (h *harness) partitionsOf(topic string) (tps []consumers.TopicPartition) {
	h.log.mu.Lock()
	defer h.log.mu.Unlock()
	for tp := range h.log.records {
		if tp.Topic == topic {
			tps = append(tps, tp)
		}
	}
	return tps
}

// clicks are of one contact each, without ids.
func (w *world) clicks(topic string, n int) {
	w.t.Helper()
	for i := range n {
		contact := fmt.Sprintf("c%d", i)
		key := acme + "/" + contact
		w.contact(contact, "2015550123")
		w.write(topic, consumers.Partition([]byte(key), int(w.partitions)), key, fmt.Appendf(nil, `{"account":"acme","contact":%q,"message":"m"}`, contact))
	}
}

// A replay of a source changes nothing, and says that all was known. So does
// the replay of what a replay has copied.
func TestReplayCountsNothingTwice(t *testing.T) {
	w := newWorld(t, 2)
	w.segment("once", "all contacts where clicked exactly 1 time")
	w.clicks(TopicClicked, 20)
	w.write(TopicClicked, 0, "k", []byte("no JSON"))
	w.write(TopicClicked, 0, "astray", []byte(`{"account":"acme","contact":"c1","message":"m","id":"x","at":"2020-01-01T00:00:00Z"}`))
	before := strings.Join(w.clickers(20), " ")
	w.expect("once", before)
	_, sum := w.replayed(w.startReplay(TopicClicked))
	if sum.Read != 22 || sum.Repeated != 20 || sum.DeadLettered != 1 || sum.Forwarded != 1 || sum.LeftOut != 0 {
		t.Errorf("%+v", sum)
	}
	w.expect("once", before)
	_, sum = w.replayed(w.startReplay(TopicInbox))
	if sum.Read != 24 || sum.Repeated+sum.Applied != 22 { // the copies, and what was forwarded, of the day beyond what is kept
		t.Errorf("%+v", sum)
	}
	w.expect("once", before)
}

func (w *world) clickers(n int) (names []string) {
	for i := range n {
		names = append(names, fmt.Sprintf("c%d", i))
	}
	return names
}

// An archive brings in what is not known, once, whoever crashes in between, and
// whatever becomes of Redis.
func TestReplayOutlivesItsOwners(t *testing.T) {
	for name, strike := range map[string]func(*world){
		"crash":      func(w *world) { w.reopen() },
		"redis lost": func(w *world) { w.loseRedis() },
		"write lost": func(w *world) { w.fuse, w.fate = 1, failAfter },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 2)
			w.segment("once", "all contacts where clicked exactly 1 time")
			w.clicks("archive", 40)
			w.expect("once", "")
			id := w.startReplay("archive=" + TopicClicked)
			for range 6 {
				w.copySome(2)
				strike(w)
				for p := range w.tasks {
					_, _, _ = w.task(int32(p)).copier.step(t.Context()) // may fail
				}
				w.fuse, w.fate = 0, fine
			}
			_, sum := w.replayed(id)
			if sum.Read != 40 || sum.Applied != 40 {
				t.Errorf("%+v", sum)
			}
			w.expect("once", strings.Join(w.clickers(40), " "))
			if again, want := w.inboxCopies(), 40; again != want && name != "write lost" {
				t.Errorf("%d copies were made of %d records", again, want)
			}
			w.loseRedis()
			w.expect("once", strings.Join(w.clickers(40), " "))
			_, sum = w.replayed(w.startReplay("archive=" + TopicClicked))
			if sum.Repeated != 40 {
				t.Errorf("once more: %+v", sum)
			}
			if left := w.tasks[0].checkpoint.Replays; len(left) > 0 {
				w.settle()
				if left := w.tasks[0].checkpoint.Replays; len(left) > 0 {
					t.Errorf("of replays that have ended there is left %+v", left)
				}
			}
		})
	}
}

func (w *world) inboxCopies() (n int) {
	for p := range w.partitions {
		for _, r := range w.log.of(consumers.TopicPartition{Topic: TopicInbox, Partition: p}) {
			if _, ok := r.Header(headerReplay); ok {
				n++
			}
		}
	}
	return n
}

// A predecessor that does not know that it was relieved makes copies that are
// not counted again.
func TestReplayByTwoOwners(t *testing.T) {
	w := newWorld(t, 1)
	w.segment("once", "all contacts where clicked exactly 1 time")
	w.clicks("archive", 20)
	w.expect("once", "")
	id := w.startReplay("archive=" + TopicClicked)
	w.copySome(3)
	zombie := w.tasks[0].copier
	w.reopen()
	w.copySome(4)
	zombie.committed(&w.tasks[0].checkpoint) // it has done nothing since, and writes what it has in hand
	for range 4 {
		_, err := zombie.copy(t.Context(), zombie.sources[0], 3)
		w.must(err)
	}
	_, sum := w.replayed(id)
	if copies := w.inboxCopies(); sum.Applied != 20 || sum.Read != 20 || copies <= 20 {
		t.Errorf("of %d copies: %+v", copies, sum)
	}
}

// Who applies a copy may not have read of its replay yet.
func TestReplayNotYetKnown(t *testing.T) {
	w := newWorld(t, 1)
	w.clicks("archive", 1)
	w.settle()
	id := w.startReplay("archive=" + TopicClicked)
	at := copied{id, consumers.TopicPartition{Topic: "archive"}, 0, 1}
	w.write(TopicInbox, 0, "acme/c0", []byte(`{"account":"acme","contact":"c0","message":"m"}`), header(headerTopic, TopicClicked),
		header(headerPartition, "0"), header(headerOffset, "0"), header(headerTime, "1700000000000"), header(headerReplay, at.String()))
	if w.catalog.Replay(id) != nil {
		t.Fatal("it is known")
	}
	w.settle()
	if _, sum := w.replayed(id); sum.Read != 1 || sum.Applied != 1 || w.inboxCopies() != 1 {
		t.Errorf("of %d copies: %+v", w.inboxCopies(), sum)
	}
}

// A replay does not bring back who was erased since, and what it copied of them
// is taken out of the inbox.
func TestReplayOfErased(t *testing.T) {
	w := newWorld(t, 2)
	w.segment("all", "all contacts where clicked")
	w.clicks("archive", 4)
	w.now = w.now.Add(time.Hour)
	w.write(TopicContacts, w.partitionOf("c1"), "acme/c1", nil)
	w.expect("all", "")
	_, sum := w.replayed(w.startReplay("archive="+TopicClicked, TopicContacts))
	if sum.LeftOut != 0 || sum.Read != 9 {
		t.Errorf("%+v", sum)
	}
	w.expect("all", "c0 c2 c3")
	w.scrub()
	for p := range w.partitions {
		for _, r := range w.log.of(consumers.TopicPartition{Topic: TopicInbox, Partition: p}) {
			if text := fmt.Sprintf("%s %s %v", r.Key, r.Value, r.Headers()); strings.Contains(text, "c1") {
				t.Errorf("in the inbox there is %s", text)
			}
		}
	}
}

func TestReplayCancelled(t *testing.T) {
	w := newWorld(t, 2)
	w.clicks("archive", 40)
	id := w.startReplay("archive=" + TopicClicked)
	w.copySome(6)
	w.put(catalog.CancelReplay{Replay: id})
	r, sum := w.replayed(id)
	if r.State() != catalog.ReplayCancelled || sum.Read == 0 || sum.Read == 40 || sum.Applied != sum.Read {
		t.Errorf("%s: %+v", r.State(), sum)
	}
}

func TestReplayFails(t *testing.T) {
	w := newWorld(t, 2)
	w.clicks("archive", 2)
	for topics, want := range map[string]string{
		"archives=" + TopicClicked: "there is no topic archives",
		"archive":                  "archive is not a topic that is read",
		TopicDeadLetters:           "holds no records of producers",
	} {
		r, _ := w.replayedAnyway(w.startReplay(topics))
		if r.State() != catalog.ReplayFailed || !strings.Contains(r.Failure, want) {
			t.Errorf("%s: %s: %s", topics, r.State(), r.Failure)
		}
	}
}

func (w *world) replayedAnyway(id int64) (*catalog.Replay, bool) {
	for w.copySome(1) {
	}
	return w.defined.Replay(id), true
}

// Of a mapped topic the inbox gets what its records mean, and no more.
func TestReplayOfMappedTopic(t *testing.T) {
	w := twilioWorld(t)
	for i, contact := range []string{"ann", "bob", "cy", ""} {
		data := map[string]any{"tags": map[string]any{"contact": contact, "message": "spring"}, "timestamp": "2026-11-15T16:59:00.000Z", "to": "+12015550123"}
		if contact == "" {
			delete(data, "tags")
		}
		w.twilio(int32(i), fmt.Sprint("EZ", i), "com.twilio.messaging.message.sent", data)
	}
	w.expect("sent", "ann bob cy")
	_, sum := w.replayed(w.startReplay(topicPartner))
	if sum.Read != 4 || sum.LeftOut != 1 || sum.Forwarded+sum.Repeated != 3 {
		t.Errorf("%+v", sum)
	}
	w.expect("sent", "ann bob cy")
	for _, r := range w.written(TopicInbox) {
		if bytesHavePhone(r.Value) {
			t.Errorf("a phone number is handed on: %s", r.Value)
		}
	}
}

// Copies say where their records first stood, once.
func TestCopyHeaders(t *testing.T) {
	w := newWorld(t, 1)
	trace, key := header("trace", "1"), header(headerKey, "k")
	stand := func(topic, partition, offset, at string) []consumers.Header {
		return []consumers.Header{header(headerTopic, topic), header(headerPartition, partition), header(headerOffset, offset), header(headerTime, at)}
	}
	here, before := stand(TopicClicked, "0", "9", "5"), stand(TopicSent, "7", "3", "1700000000000")
	tests := []struct {
		as            string
		headers, want []consumers.Header // but for the replay's own
	}{
		{TopicClicked, nil, append(here, key)},
		{TopicClicked, append(before, trace), slices.Concat([]consumers.Header{trace}, here, []consumers.Header{key})},
		{TopicInbox, slices.Concat(before, []consumers.Header{trace, key, header(headerReplay, "1 a 2 3 4"), header(headerMeans, TopicSent)}),
			slices.Concat([]consumers.Header{trace, header(headerMeans, TopicSent)}, before, []consumers.Header{key})},
		{TopicInbox, slices.Concat(before, []consumers.Header{key, header(headerRetry, "0"), header(headerErrorCode, string(BadTime))}),
			slices.Concat([]consumers.Header{header(headerErrorCode, string(BadTime))}, before, []consumers.Header{key})},
	}
	c := w.task(0).copier
	c.id = 4
	isReplay := func(h consumers.Header) bool { return h.Key == headerReplay }
	for _, tt := range tests {
		s := &source{TopicPartition: consumers.TopicPartition{Topic: "archive"}, as: tt.as}
		r := consumers.Record{TopicPartition: s.TopicPartition, Offset: 9, Time: 5, Key: []byte("k"), Value: []byte("v")}
		r = r.WithHeaders(tt.headers...)
		m, ok := c.copyOf(s, &r, 2)
		at := slices.IndexFunc(m.Headers, isReplay)
		if !ok || at < 0 || string(m.Headers[at].Value) != "4 archive 0 9 2" || string(m.Key) == "k" {
			t.Fatalf("%v became %v", tt.headers, m)
		}
		if got := fmt.Sprint(slices.DeleteFunc(m.Headers, isReplay)); got != fmt.Sprint(tt.want) {
			t.Errorf("%s: %v became %s, want %v", tt.as, tt.headers, got, tt.want)
		}
	}
}

func TestNotCopied(t *testing.T) {
	c := newWorld(t, 1).task(0).copier
	for as, r := range map[string]consumers.Record{
		TopicClicked: {Value: make([]byte, 2<<20)},     // too large for the inbox
		TopicInbox:   {Key: []byte("key"), Value: nil}, // takes another out
	} {
		if m, ok := c.copyOf(&source{as: as}, &r, 1); ok {
			t.Errorf("of %s, %d bytes are copied", as, sizeOf(&m))
		}
	}
}

func TestParseCopied(t *testing.T) {
	c := copied{17, consumers.TopicPartition{Topic: "a.b_c-d", Partition: 3}, 1 << 40, 9}
	if back, ok := parseCopied([]byte(c.String())); !ok || back != c {
		t.Errorf("%v", back)
	}
	for _, bad := range []string{"", "1 a 2 3", "1 a 2 3 4 5", "-1 a 2 3 4", "1 a b 3 4", "1 a 4294967296 3 4", "1 a 2 99999999999999999999 4"} {
		if c, ok := parseCopied([]byte(bad)); ok {
			t.Errorf("%q is read as %v", bad, c)
		}
	}
}

// A replay rests as long as it works, and longer the more it is in the way.
func TestRest(t *testing.T) {
	r := NewReplays(nil, nil)
	const ms = time.Millisecond
	for i, tt := range []struct{ took, least, most time.Duration }{
		{8 * ms, 8 * ms, 8 * ms},
		{4 * ms, 4 * ms, 4 * ms},
		{8 * ms, 14 * ms, 16 * ms},
		{40 * ms, 340 * ms, 380 * ms},
		{time.Minute, mostRest, mostRest},
		{0, time.Microsecond, time.Microsecond},
	} {
		if got := r.rest(tt.took); got < tt.least || got > tt.most {
			t.Errorf("%d: after %v it rests %v, not %v to %v", i, tt.took, got, tt.least, tt.most)
		}
	}
	r = NewReplays(nil, nil)
	r.rest(ms)
	for range 500 {
		r.rest(8 * ms)
	}
	if got := r.rest(8 * ms); got != 8*ms {
		t.Errorf("what was fast once is not forgotten: it rests %v", got)
	}
}

func TestReplayRate(t *testing.T) {
	for _, rate := range []int{1, 10, 40} {
		w := newWorld(t, 1)
		for range 400 {
			w.write("archive", 0, "k", []byte("{}"))
		}
		_, err := w.defs.Put(t.Context(), catalog.StartReplay{
			Topics: []catalog.ReplayTopic{{Name: "archive", As: TopicClicked}}, To: w.now.UnixMilli() + 1, Rate: rate,
		})
		w.must(err)
		w.copySome(30) // it begins with the share of a second
		began, before := w.now, w.inboxCopies()
		for range 160 {
			w.now = w.now.Add(50 * time.Millisecond)
			w.copySome(1)
		}
		if got, want := w.inboxCopies()-before, float64(rate)*w.now.Sub(began).Seconds(); float64(got) < 0.9*want-1 || float64(got) > want+1 {
			t.Errorf("%d records in %v, at a rate of %d", got, w.now.Sub(began), rate)
		}
	}
}

// One copier of a process is at work at a time, and gives up with its task.
func TestTurns(t *testing.T) {
	r := NewReplays(nil, nil)
	if err := r.acquire(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := r.acquire(ctx); err == nil {
		t.Error("two are at work")
	}
	r.release()
	if err := r.acquire(t.Context()); err != nil {
		t.Error(err)
	}
}

// Neither is an archive applied that is dated when it was copied, if times decide
// what is true, nor a topic that is read as if it were another.
func TestReplayIsNotNewer(t *testing.T) {
	w := newWorld(t, 1)
	w.segment("in", "all contacts where opted in")
	w.segment("all", "all contacts")
	w.contact("ann", "2015550123")
	w.contact("eve", "2015550124")
	w.write(TopicOptedIn, 0, "acme/ann", []byte(`{"account":"acme","contact":"ann"}`))
	w.now = w.now.AddDate(0, 0, 1)
	w.write(TopicOptedOut, 0, "acme/ann", []byte(`{"account":"acme","contact":"ann"}`))
	w.write(TopicOptedOut, 0, "astray", []byte(`{"account":"acme","contact":"ann"}`))
	w.write(TopicContacts, 0, "acme/eve", nil)
	w.now = w.now.AddDate(0, 0, 1)
	w.write("old.in", 0, "acme/ann", []byte(`{"account":"acme","contact":"ann"}`))
	w.write("old.contacts", 0, "acme/eve", []byte(`{"account":"acme","contact":"eve","phone":"2015550124"}`))
	w.log.dated = map[string]string{"old.in": "LogAppendTime", "old.contacts": "LogAppendTime"}
	for topics, want := range map[string]string{
		"old.in=" + TopicOptedIn:           "dated when they were copied",
		"old.contacts=" + TopicContacts:    "dated when they were copied",
		TopicInbox + "=" + TopicOptedIn:    "only an archive stands for another",
		TopicOptedOut + "=" + TopicOptedIn: "only an archive stands for another",
	} {
		r, _ := w.replayedAnyway(w.startReplay(topics))
		if !strings.Contains(r.Failure, want) {
			t.Errorf("%s: %s %q, want %q", topics, r.State(), r.Failure, want)
		}
	}
	w.expect("in", "")
	w.expect("all", "ann")
}

// failingTopics is Kafka down.
type failingTopics struct {
	Topics
	asked int
}

func (f *failingTopics) Watermarks(context.Context, []consumers.TopicPartition) (map[consumers.TopicPartition]consumers.Watermark, error) {
	f.asked++
	return nil, errors.New("down")
}

// A copier that failed rests, whatever its task does.
func TestCopierRests(t *testing.T) {
	w := newWorld(t, 1)
	w.clicks("archive", 4)
	w.startReplay("archive=" + TopicClicked)
	w.must(w.catchUp(t.Context()))
	w.settle()
	c, topics := w.task(0).copier, &failingTopics{}
	c.Replays = NewReplays(topics, nil)
	ctx, cancel := context.WithTimeout(t.Context(), copyRetry/4)
	defer cancel()
	var wg sync.WaitGroup
	wg.Go(func() { c.Run(ctx) })
	for ctx.Err() == nil {
		c.committed(&w.tasks[0].checkpoint)
		time.Sleep(2 * time.Millisecond)
	}
	wg.Wait()
	if topics.asked != 1 {
		t.Errorf("Kafka was asked %d times", topics.asked)
	}
}
