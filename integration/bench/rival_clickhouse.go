package main

import (
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strconv"
)

//go:embed clickhouse.py
var chdbScript string

// startClickHouse runs ClickHouse inside a Python that has chdb: $CHDB_PYTHON,
// or python3.
func startClickHouse(dir string) (*shell, string, error) {
	python := cmp.Or(os.Getenv("CHDB_PYTHON"), "python3")
	if err := exec.Command(python, "-c", "import chdb").Run(); err != nil {
		return nil, "", fmt.Errorf("%s can't import chdb (pip install chdb; CHDB_PYTHON names the Python that has it): %w", python, err)
	}
	s, err := startShell(exec.Command(python, "-c", chdbScript, dir), func(statement string) string {
		line, _ := json.Marshal(statement) // a string
		return string(line)
	})
	if err != nil {
		return nil, "", err
	}
	version, err := s.ask("SELECT version()")
	return s, version, err
}

// clickHouseTables are the plain ones, and the views that aggregate them as they
// are loaded: bitmaps by fact and day, and counts by contact and day.
var clickHouseTables = []string{
	`CREATE DATABASE bench ENGINE = Atomic`,
	`USE bench`,
	`CREATE TABLE contacts (contact UInt32, opted_in Bool, opted_out Bool, country LowCardinality(String)) ENGINE = MergeTree ORDER BY contact`,
	`CREATE TABLE events (contact UInt32, behaviour UInt8, day Int32) ENGINE = MergeTree ORDER BY (behaviour, day, contact)`,
	`CREATE MATERIALIZED VIEW days ENGINE = AggregatingMergeTree ORDER BY (behaviour, day)
		AS SELECT behaviour, day, groupBitmapState(contact) AS who FROM events GROUP BY behaviour, day`,
	`CREATE MATERIALIZED VIEW facts ENGINE = AggregatingMergeTree ORDER BY name
		AS SELECT arrayJoin(arrayFilter(x -> x != '', ['` + bitExists + `', if(opted_in, '` + bitOptedIn + `', ''),
			if(opted_out, '` + bitOptedOut + `', ''), concat('country:', country)])) AS name, groupBitmapState(contact) AS who FROM contacts GROUP BY name`,
	`CREATE MATERIALIZED VIEW counts ENGINE = SummingMergeTree ORDER BY (behaviour, day, contact)
		AS SELECT behaviour, day, contact, count() AS n FROM events GROUP BY behaviour, day, contact`,
}

func loadClickHouse(s *shell, t tables) error {
	if err := s.run(clickHouseTables...); err != nil {
		return err
	}
	err := s.run(
		fmt.Sprintf("INSERT INTO contacts SELECT * FROM file('%s', 'CSV', 'contact UInt32, opted_in Bool, opted_out Bool, country String')", t.contacts),
		fmt.Sprintf("INSERT INTO events SELECT * FROM file('%s', 'CSV', 'contact UInt32, behaviour UInt8, day Int32')", t.events))
	for _, table := range []string{"contacts", "events", "days", "facts", "counts"} {
		if err == nil {
			err = s.run("OPTIMIZE TABLE " + table + " FINAL")
		}
	}
	return err
}

// clickHouseWays are a live query of the plain tables, and one of the aggregates.
func clickHouseWays(s *shell, p *population) []rival {
	return []rival{
		{name: "ClickHouse, live query", count: func(_ context.Context, q *question) (int64, error) {
			return countOf(s, "SELECT count() FROM ("+p.sql(q.clickhouse)+")")
		}},
		{name: "ClickHouse, aggregates kept by views", count: func(_ context.Context, q *question) (int64, error) {
			return countOf(s, p.sql(q.aggregated))
		}},
	}
}

// countOf asks for a number.
func countOf(s *shell, statement string) (int64, error) {
	answer, err := s.ask(statement)
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(lastLine([]byte(answer)), 10, 64)
}
