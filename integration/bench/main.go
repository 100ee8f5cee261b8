// Command bench measures rollcall against a real Kafka and a real Redis: what an
// event costs, how late an answer may be, what a question costs, what Redis holds
// and is sent, and how long a new segment, a midnight and a restart take; beside
// the rivals that the machine has.
//
// Figures of one machine say little about another, so each stands beside one of
// the same run that it can be compared with, and a row counts only if its
// answers are right. It prints a page of text and writes results.json.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// options are the command line.
type options struct {
	contacts, days int
	accounts       int
	large          int // contacts of the large account
	segments       int // of its midnight
	growth         int // contacts from which growth is measured
	rounds         int
	seconds        int // of each kind of latency, and of each rate
	idle           int // segments that don't flip
	live           int // records of each of the smaller runs
	tiny           int // accounts
	asked          int // contacts that questions are about
	publish        bool
	only           []string
	out, profile   string
}

func parseOptions() options {
	var o options
	var only string
	quick := flag.Bool("quick", false, "a small run, to see that everything works")
	full := flag.Bool("full", false, "1 million contacts in 20 accounts with 90 days, and 1 million in the large account")
	flag.IntVar(&o.contacts, "contacts", 100_000, "contacts of all accounts, of uneven size")
	flag.IntVar(&o.accounts, "accounts", 20, "how many accounts they are in")
	flag.IntVar(&o.days, "days", 30, "days of their history")
	flag.IntVar(&o.large, "large", 200_000, "contacts of the account of which new segments, midnight and restart are measured")
	flag.IntVar(&o.segments, "segments", 1000, "segments of its midnight")
	flag.IntVar(&o.growth, "growth", 20_000, "contacts of which growth measures a tenth and five times")
	flag.IntVar(&o.rounds, "rounds", 3, "rounds, of which the median counts")
	flag.IntVar(&o.seconds, "seconds", 20, "seconds of each kind of latency and of each rate")
	flag.IntVar(&o.idle, "idle", 1000, "segments that don't flip")
	flag.IntVar(&o.live, "live", 100_000, "records of each of the smaller runs")
	flag.IntVar(&o.tiny, "tiny", 100_000, "tiny accounts")
	flag.IntVar(&o.asked, "asked", 1_000_000, "contacts that questions are about")
	flag.BoolVar(&o.publish, "publish", false, "write membership changes to Kafka while the latency is measured")
	flag.StringVar(&only, "only", "", "sections to run: "+strings.Join(sectionNames(), ", ")+"; default all")
	flag.StringVar(&o.out, "out", "", "directory of results.json; default a new temporary one")
	flag.StringVar(&o.profile, "profile", "", "directory of the CPU profiles; default that of results.json")
	flag.Usage = printUsage
	flag.Parse()
	if *quick {
		o.contacts, o.days, o.rounds, o.seconds, o.live, o.tiny, o.asked, o.large, o.segments, o.growth = 4000, 10, 1, 4, 8000, 2000, 20_000, 5000, 200, 400
	}
	if *full {
		o.contacts, o.days, o.large = 1_000_000, 90, 1_000_000
	}
	if only != "" {
		o.only = strings.Split(only, ",")
	}
	return o
}

// printUsage is what --help prints.
func printUsage() {
	fmt.Fprint(flag.CommandLine.Output(), `bench measures rollcall beside its rivals, and the least that anything could take.

Kafka and Redis are started as for the tests. Of the rivals it uses what it finds, and says what is missing:
  PostgreSQL   initdb in PATH or /usr/lib/postgresql/*/bin (Debian: apt-get install postgresql); run as postgres if this is root
  ClickHouse   a Python with chdb: python3, or $CHDB_PYTHON (python3 -m venv DIR; DIR/bin/pip install chdb; CHDB_PYTHON=DIR/bin/python)

On 2 cores with nothing else to do all sections but tiny took 12 minutes with -rounds 2 -seconds 10 -large 1000000. Beside ten times
as much other work -full -rounds 1 took an hour.

`)
	flag.PrintDefaults()
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGPIPE)
	defer stop()
	run := func(ctx context.Context) error { return benchmark(ctx, parseOptions()) }
	if len(os.Args) > 1 && os.Args[1] == childArg {
		run = serveParent
	}
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// section is a part of the benchmark.
type section struct {
	name    string
	history bool // wants the accounts' past in Kafka
	run     func(ctx context.Context, b *bench) error
}

// sections are run in this order: each goes on from the topics that those before
// it leave, and latency from the state that reading leaves in Redis.
var sections = []section{
	{"reading", true, reading},
	{"redis", true, redisBytes},
	{"scale", true, scale},
	{"idle", true, idlePairs},
	{"latency", true, latency},
	{"tiny", false, tinyAccounts},
	{"asking", false, asking},
	{"segment", false, newSegments},
	{"restart", false, restarts},
	{"midnight", false, midnight},
	{"growth", false, growth},
}

func sectionNames() []string {
	var names []string
	for _, s := range sections {
		names = append(names, s.name)
	}
	return names
}

func benchmark(ctx context.Context, o options) error {
	for _, name := range o.only {
		if !slices.Contains(sectionNames(), name) {
			return fmt.Errorf("there is no section %q", name)
		}
	}
	b, err := newBench(ctx, o)
	if err != nil {
		return err
	}
	defer b.close()
	b.page.printf("rollcall benchmark, %s\n%s\n", time.Now().Format("2006-01-02 15:04"), b.results.Machine)
	for _, s := range sections {
		if len(o.only) > 0 && !slices.Contains(o.only, s.name) {
			continue
		}
		if s.history && b.history == nil {
			err = b.loadHistory(ctx)
		}
		if err != nil {
			return err
		}
		if err := s.run(ctx, b); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return b.finish(filepath.Join(b.out, "results.json"))
}
