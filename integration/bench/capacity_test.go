package main

import (
	"math"
	"testing"
)

func TestCostOfRecordsAndCommits(t *testing.T) {
	// 2 for a record and 30 for a commit, seen at 100 records to a commit and at one.
	c := costOf(2+30.0/100, 2+30, 100)
	if math.Abs(c.Record-2) > 1e-9 || math.Abs(c.Commit-30) > 1e-9 {
		t.Errorf("got %+v, want 2 and 30", c)
	}
	if got := c.each(10); math.Abs(got-5) > 1e-9 {
		t.Errorf("ten to a commit: %v each, want 5", got)
	}
	if c := costOf(3, 2, 100); c.Commit != 0 || c.Record != 3 {
		t.Errorf("a commit that costs less than nothing: %+v", c)
	}
}

// TestCapacity is a model worked out by hand.
func TestCapacity(t *testing.T) {
	c := &constants{
		Client: cost{2, 60}, Redis: cost{1, 40}, Event: 10, Contact: 100, Owner: 150, Record: 200, Broker: 10,
	}
	a := assumptions{Peak: 2, PerContact: 2, Kept: 10, Logged: 10, Round: 0.001, Busy: 0.5, PerTask: 1e6, Node: 1e9, Disk: 1e12, Cores: 4, Copies: 3}
	got := a.of(86400*1000, c)
	want := need{
		Events: 86_400_000, Contacts: 43_200_000, PeakRate: 2000, Partitions: 64, Batch: 1,
		ClientCores: 0.248, RedisCores: 0.164, RedisBytes: 8.64e9 + 4.32e9, RedisNodes: 26, Processes: 13,
		OwnerBytes: 6.48e9, ReplicaBytes: 6.48e9, KafkaBytes: 518.4e9, Brokers: 3,
	}
	if math.Abs(got.ClientCores-want.ClientCores) > 1e-9 || math.Abs(got.RedisCores-want.RedisCores) > 1e-9 {
		t.Errorf("%v cores and %v of Redis, want %v and %v", got.ClientCores, got.RedisCores, want.ClientCores, want.RedisCores)
	}
	got.ClientCores, got.RedisCores = want.ClientCores, want.RedisCores
	if got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}
