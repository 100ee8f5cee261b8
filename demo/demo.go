// Package demo shows the product at work: it makes up an account's month, goes
// on with it live, and prints how segments change.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"

	"rollcall/consumers"
	"rollcall/generate"
	"rollcall/node"
	"rollcall/pipeline/catalog"
	"rollcall/pipeline/segment"
)

const (
	account  = "demo"
	timezone = "America/New_York"
	contacts = 20_000
	days     = 30
	rate     = 20 // records per second
)

// segments are those that the demo defines: the first two are the ones that
// every SMS marketer asks for.
var segments = []struct{ id, name, text string }{
	{"engaged", "Engaged SMS recipients", "all contacts where opted in and phone in US and clicked in last 30 days"},
	{"opportunities", "SMS opportunities", "all contacts where not opted in and not opted out"},
	{"clicked-today", "Clicked today", "all contacts where clicked in last 1 day"},
	{"keen", "Keen clickers", `segment "engaged" where clicked on at least 3 days in last 30 days`},
	{"tired", "Sent a lot, never clicked", "all contacts where sent at least 5 times in last 30 days and not clicked in last 30 days"},
	{"unreachable", "No valid phone", "all contacts where not valid phone"},
	{"north-america", "Opted in, US or Canada", "all contacts where opted in and phone in US, CA"},
}

// Account makes sure that the account exists which a request without a token
// is about.
func Account(ctx context.Context, n *node.Node) error {
	return put(ctx, n, catalog.PutAccount{Account: account, Timezone: timezone, RetentionDays: 730, DefaultRegion: "US"})
}

// put writes a definition, unless it is there.
func put(ctx context.Context, n *node.Node, e catalog.Entry) error {
	_, err := n.Definitions().Put(ctx, e)
	if refusal, ok := errors.AsType[*catalog.Refusal](err); ok && (refusal.Kind == catalog.Conflict || refusal.Kind == catalog.VersionMismatch) {
		return nil
	}
	return err
}

// Run defines segments, makes up a month unless an earlier run did, goes on
// live, and prints what becomes of the segments until ctx ends. kafka is where
// others find the broker.
func Run(ctx context.Context, n *node.Node, kafka string, out io.Writer) error {
	isNew := int64(0)
	for _, s := range segments {
		def, err := segment.Parse(s.text)
		if err != nil {
			return fmt.Errorf("segment %s: %w", s.id, err)
		}
		if err := put(ctx, n, catalog.PutSegment{Account: account, ID: s.id, Name: s.name, Definition: def, IfVersion: &isNew}); err != nil {
			return err
		}
	}
	g, err := generate.New(generate.Config{Account: account, Contacts: contacts, Days: days, Rate: rate, Seed: 1})
	if err != nil {
		return err
	}
	if err := history(ctx, n, g, out); err != nil {
		return err
	}
	if err := settled(ctx, n, kafka, out); err != nil {
		return err
	}
	failed := make(chan error, 1)
	go func() { failed <- WriteLive(ctx, n.Producer(), g.Live()) }()
	err = report(ctx, n, out)
	return errors.Join(<-failed, err)
}

// history writes the month, once: whoever has contacts has it.
func history(ctx context.Context, n *node.Node, g *generate.Generator, out io.Writer) error {
	if err := fresh(ctx, n); err != nil {
		return err
	}
	preview, _, err := n.View().Preview(ctx, account, segment.Definition{}, "")
	if err != nil || preview.Size > 0 {
		return err
	}
	fmt.Fprintf(out, "making up %d days of %d contacts ...\n", days, contacts)
	begun := time.Now()
	records, err := WriteAll(ctx, n.Producer(), g.History())
	if err == nil {
		fmt.Fprintf(out, "wrote %d records in %v\n", records, time.Since(begun).Round(time.Millisecond))
	}
	return err
}

func settled(ctx context.Context, n *node.Node, kafka string, out io.Writer) error {
	begun := time.Now()
	time.Sleep(time.Second) // so that what is fresh was asked for after the last record
	if err := fresh(ctx, n); err != nil {
		return err
	}
	fmt.Fprintf(out, "all of it is in the segments, %v later\n", time.Since(begun).Round(100*time.Millisecond))
	fmt.Fprint(out, next(n.Addr(), kafka))
	return nil
}

// usual is where commands look for the server unless they are told.
const usual = "127.0.0.1:8080"

// next says what to try with a server that listens there.
func next(api, kafka string) string {
	elsewhere := ""
	if api != usual {
		elsewhere = "  export ROLLCALL_SERVER=http://" + api + "\n"
	}
	return `
The page is at http://` + api + `

Try, in another terminal:
` + elsewhere + `  rollcall segment put mine 'all contacts where replied in last 7 days and not opted out'
  rollcall segment recipients engaged | head
  rollcall check engaged c-1 c-2 c-3
  rollcall segment preview 'all contacts where phone in US, CA and clicked at least 2 times in last 10 days'
  curl -N http://` + api + `/v1/sizes
  echo 'demo/c-1|{"account":"demo","contact":"c-1"}' | kcat -P -b ` + kafka + ` -t sms.opted_out -K'|' -X partitioner=murmur2_random
("go run ./cmd/rollcall ..." does where rollcall is not installed)

`
}

// fresh waits until answers are.
func fresh(ctx context.Context, n *node.Node) error {
	for !n.View().Freshness(account).Fresh {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
	return nil
}

const reportEvery = 2 * time.Second

// report prints the sizes that changed, every now and then.
func report(ctx context.Context, n *node.Node, out io.Writer) error {
	watch := n.View().Watch(account, nil)
	defer watch.Close()
	for {
		changes, err := watch.Next(ctx)
		if err != nil {
			return nil // ctx ended
		}
		var line []string
		for _, c := range changes {
			if c.Size.Ready {
				line = append(line, fmt.Sprintf("%s %d", c.Segment, c.Size.Members))
			}
		}
		if len(line) > 0 {
			fmt.Fprintf(out, "%s  %s\n", time.Now().Format(time.TimeOnly), strings.Join(line, "  "))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(reportEvery):
		}
	}
}

const writeAtOnce = 5000

// WriteAll writes all records as fast as Kafka takes them, and counts them.
func WriteAll(ctx context.Context, p *consumers.Producer, records iter.Seq[generate.Record]) (n int, err error) {
	batch := make([]consumers.Message, 0, writeAtOnce)
	for r := range records {
		if batch = append(batch, message(r)); len(batch) < writeAtOnce {
			continue
		}
		if _, err := p.Write(ctx, batch); err != nil {
			return n, err
		}
		n, batch = n+len(batch), batch[:0]
	}
	_, err = p.Write(ctx, batch)
	return n + len(batch), err
}

// WriteLive writes each record when its time has come, until ctx ends.
func WriteLive(ctx context.Context, p *consumers.Producer, records iter.Seq[generate.Record]) error {
	var batch []consumers.Message
	for r := range records {
		if wait := time.Until(r.At); wait > 0 {
			if _, err := p.Write(ctx, batch); err != nil && ctx.Err() == nil {
				return err
			}
			batch = batch[:0]
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(wait):
			}
		}
		batch = append(batch, message(r))
	}
	return nil
}

func message(r generate.Record) consumers.Message {
	return consumers.Message{Topic: r.Topic, Partition: -1, Key: r.Key, Value: r.Value}
}
