package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"rollcall/client"
	"rollcall/consumers"
	"rollcall/pipeline"
)

// witness writes opt-ins of contacts of its own to every partition, and asks
// about them.
type witness struct {
	site    *site
	bench   *bench
	written []string  // contacts
	at      time.Time // when the last of them was acknowledged
}

// write adds contacts to every partition.
func (w *witness) write(ctx context.Context) error {
	_, err := w.site.producer.Write(ctx, w.records())
	w.at = time.Now()
	return err
}

// records are of as many new contacts as it takes to have one in every partition.
func (w *witness) records() (all []consumers.Message) {
	has := map[int]bool{}
	for len(has) < partitions {
		contact := "witness-" + strconv.Itoa(len(w.written))
		key := []byte(large + "/" + contact)
		has[int(consumers.Partition(key, partitions))] = true
		w.written = append(w.written, contact)
		all = append(all,
			consumers.Message{Topic: pipeline.TopicContacts, Partition: -1, Key: key, Value: fmt.Appendf(nil, `{"account":%q,"contact":%q}`, large, contact)},
			consumers.Message{Topic: pipeline.TopicOptedIn, Partition: -1, Key: key, Value: fmt.Appendf(nil, `{"account":%q,"contact":%q,"id":%q}`, large, contact, contact)})
	}
	return all
}

// look asks until an answer is fresh and has all that was written, and tells how
// long that is after a moment.
func (w *witness) look(ctx context.Context, p *product, since time.Time) (time.Duration, error) {
	asked := append([]string{"c-1"}, w.written...)
	for {
		answers, freshness, err := p.ask.CheckAll(ctx, "opted-in", asked)
		if err == nil && freshness.AsOf.After(w.at) {
			took := time.Since(since)
			for _, a := range answers[1:] {
				if !a.Member {
					w.bench.wrong("restart: %s is not said to be opted in, in an answer that is fresh", a.Contact)
				}
			}
			return took, nil
		}
		if err != nil && !errors.Is(err, client.ErrNotFresh) && !errors.Is(err, client.ErrNotComposed) {
			return 0, err
		}
		if err := p.pause(ctx); err != nil {
			return 0, err
		}
	}
}

var ownedMetric = regexp.MustCompile(`(?m)^rollcall_partitions_owned (\d+)$`)

// sharing waits until each of the processes has a part of the partitions.
func (w *witness) sharing(ctx context.Context, all ...*product) error {
	for deadline := time.Now().Add(2 * time.Minute); ; {
		least, sum := partitions, 0
		for _, p := range all {
			owned, err := p.owned(ctx)
			if err != nil {
				return err
			}
			least, sum = min(least, owned), sum+owned
		}
		if least > 0 && sum == partitions {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%d processes have %d of %d partitions, one of them %d", len(all), sum, partitions, least)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func (p *product) owned(ctx context.Context) (int, error) {
	res, err := p.ask.Do(ctx, "GET", "/metrics", nil, nil)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if found := ownedMetric.FindSubmatch(text); found != nil {
		return strconv.Atoi(string(found[1]))
	}
	return 0, err
}

// resident is the memory that the process has of the machine, in bytes.
func (p *product) resident() (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(text))
	if len(fields) < 2 {
		return 0, fmt.Errorf("statm of rollcall: %q", text)
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	return pages * int64(os.Getpagesize()), err
}
