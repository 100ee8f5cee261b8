package main

import (
	"context"
	"fmt"
	"path/filepath"
)

// tinyResult is what many small accounts cost.
type tinyResult struct {
	Accounts, Records int64
	Keys, Memory      int64 // in Redis
	PerCPU            float64
	Heap              uint64 // of the pipeline
	Sent              int64  // bytes to Redis
}

// tinyAccounts folds accounts of a few contacts each.
func tinyAccounts(ctx context.Context, b *bench) error {
	b.page.heading(fmt.Sprintf("%d tiny accounts of %d contacts and 2 segments", b.tiny, tinyContacts))
	r, err := b.newRedis("tiny")
	if err != nil {
		return err
	}
	before, err := logSpans(ctx, b.client)
	if err != nil {
		return err
	}
	if err := load(ctx, b.producer, tinyRecords(b.tiny, b.now)); err != nil {
		return err
	}
	at, err := before.then(ctx, b.client)
	if err != nil {
		return err
	}
	t := b.task("fold", r, at)
	t.Definitions.Tiny, t.Profile = b.tiny, filepath.Join(b.profile, "tiny.pprof")
	o, err := spawn(ctx, t, nil)
	if err != nil {
		return err
	}
	if o.Records != at.records() {
		b.wrong("tiny accounts: %d records of %d", o.Records, at.records())
	}
	b.printTiny(o)
	b.page.printf("Where the time goes:\n%s\n", topFunctions(ctx, t.Profile))
	return r.stopEarly(b)
}

func (b *bench) printTiny(o *outcome) {
	res := &tinyResult{
		Accounts: int64(b.tiny), Records: o.Records, Keys: o.Redis.Keys, Memory: o.Redis.Memory,
		PerCPU: float64(o.Records) / seconds(o.Used.CPU), Heap: o.Used.Heap, Sent: o.Redis.Input,
	}
	b.results.Tiny = res
	n := float64(b.tiny)
	b.page.printf("%d records at %.0f records/CPU-s (%.1f s); Redis: %d keys (%.2f an account), %.0f B used an account, %.0f B sent a record.\n"+
		"The pipeline keeps %.0f B of heap an account.\n\n",
		res.Records, res.PerCPU, seconds(o.Used.Wall), res.Keys, float64(res.Keys)/n, float64(res.Memory)/n,
		float64(res.Sent)/float64(res.Records), float64(res.Heap)/n)
	// Beside those of the accounts there are three a partition.
	most := float64(tinyContacts) + 3*partitions/n
	b.aim(float64(res.Keys)/n <= most, "keys of a tiny account", "<= one a partition it is in", fmt.Sprintf("%.2f", float64(res.Keys)/n))
}
