package main

import "math"

// assumptions are what the model takes for granted, and a reader may change.
type assumptions struct {
	Peak       float64 // the busiest second beside the mean
	PerContact float64 // events of a contact a day
	Kept       float64 // days of events in Redis
	Logged     float64 // days of records in Kafka
	Round      float64 // seconds that a commit takes, in which the next records gather
	Busy       float64 // share of a core, or of a node's memory or disk, that is to be used
	PerTask    float64 // contacts of a partition at most
	Node       float64 // bytes of a Redis node's memory
	Disk       float64 // bytes of a broker's disk
	Cores      float64 // of a process, and of a broker
	Copies     float64 // of every record in Kafka; Redis has one replica for each node
}

var assumed = assumptions{
	Peak: 3, PerContact: 2, Kept: 90, Logged: 90, Round: 0.001, Busy: 0.5, PerTask: 1e6,
	Node: 64e9, Disk: 8e12, Cores: 8, Copies: 3,
}

// need is what so many events a day take.
type need struct {
	Events, Contacts float64 // a day, and in all
	PeakRate         float64 // records a second
	Partitions       float64
	Batch            float64 // records to a commit at the peak
	ClientCores      float64
	RedisCores       float64
	RedisBytes       float64 // without replicas
	RedisNodes       float64 // without replicas
	Processes        float64 // that own partitions
	OwnerBytes       float64 // of memory, of all of them
	ReplicaBytes     float64 // of each process that answers for all
	KafkaBytes       float64 // with all copies
	Brokers          float64
}

// of is the model.
func (a assumptions) of(events float64, c *constants) need {
	n := need{Events: events, Contacts: events / a.PerContact, PeakRate: a.Peak * events / 86400}
	n.Partitions = max(8, powerOfTwo(max(n.Contacts/a.PerTask, n.PeakRate*c.Client.each(1)/1e6/a.Busy)))
	n.Batch = max(1, n.PeakRate/n.Partitions*a.Round)
	n.ClientCores = n.PeakRate * c.Client.each(n.Batch) / 1e6 / a.Busy
	n.RedisCores = n.PeakRate * c.Redis.each(n.Batch) / 1e6 / a.Busy
	n.RedisBytes = events*a.Kept*c.Event + n.Contacts*c.Contact
	n.RedisNodes = math.Ceil(max(n.RedisCores, n.RedisBytes/(a.Node*a.Busy)))
	n.OwnerBytes, n.ReplicaBytes = n.Contacts*c.Owner, n.Contacts*c.Owner
	n.Processes = max(2, math.Ceil(max(n.ClientCores/a.Cores, n.OwnerBytes/(a.Node*a.Busy))))
	n.KafkaBytes = events * a.Logged * c.Record * a.Copies
	n.Brokers = max(3, math.Ceil(max(n.KafkaBytes/(a.Disk*a.Busy), n.PeakRate*c.Broker*a.Copies/1e6/a.Busy/a.Cores)))
	return n
}

func powerOfTwo(n float64) float64 { return math.Pow(2, math.Ceil(math.Log2(max(1, n)))) }

// printCapacity prints the constants, and the model for some sizes.
func (b *bench) printCapacity() {
	c := b.measured()
	if c == nil {
		return
	}
	b.results.Constants = c
	b.page.heading("Capacity: constants of this run, and the model of docs/capacity.md")
	for _, line := range []struct {
		what string
		of   cost
	}{{"CPU of the owner", c.Client}, {"CPU of Redis", c.Redis}, {"sent to Redis", c.Sent}} {
		b.page.printf("%-20s %8.3f for a record + %8.1f for a commit (%s)\n", line.what, line.of.Record, line.of.Commit, unitOf(line.what))
	}
	b.page.printf("kept in Redis        %8.1f B an event + %.0f B a contact; in a process %.0f B a contact\n", c.Event, c.Contact, c.Owner)
	b.page.printf("in Kafka             %8.0f B a record; the broker takes %.2f us to take a record in and give it out once\n\n", c.Record, c.Broker)
	b.page.printf("%14s %9s %9s %10s %8s %8s %8s %6s %10s %9s %10s %7s\n", "events a day", "peak/s", "contacts", "partitions",
		"cores", "process.", "Redis GB", "nodes", "Redis cores", "owners GB", "Kafka TB", "brokers")
	for _, events := range []float64{1e7, 1e9, 1e10} {
		n := assumed.of(events, c)
		b.results.Capacity = append(b.results.Capacity, n)
		b.page.printf("%14.0f %9.0f %9.2g %10.0f %8.1f %8.0f %8.0f %6.0f %10.1f %9.1f %10.1f %7.0f\n", n.Events, n.PeakRate, n.Contacts, n.Partitions,
			n.ClientCores, n.Processes, n.RedisBytes/1e9, n.RedisNodes, n.RedisCores, n.OwnerBytes/1e9, n.KafkaBytes/1e12, n.Brokers)
	}
	b.page.printf("\n")
}

func unitOf(what string) string {
	if what == "sent to Redis" {
		return "bytes"
	}
	return "us"
}
