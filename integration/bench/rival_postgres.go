package main

import (
	"context"
	"fmt"
	"os/exec"
	"strings"

	"rollcall/integration/servers"
)

// openPsql starts PostgreSQL's own client.
func openPsql(s *servers.Postgres) (*shell, error) {
	cmd := exec.Command(s.Client, "-X", "-q", "-t", "-A", "-v", "ON_ERROR_STOP=1", "-h", s.Addr, "-U", servers.PostgresUser, "postgres")
	return startShell(cmd, func(statement string) string {
		return oneLine(statement) + end(statement) + "\n\\echo " + endMark
	})
}

// end is the semicolon that psql's own commands don't have.
func end(statement string) string {
	if strings.HasPrefix(statement, `\`) {
		return ""
	}
	return ";"
}

func oneLine(statement string) string { return strings.Join(strings.Fields(statement), " ") }

// loadPostgres loads the tables and makes the indexes that the questions ask for.
func loadPostgres(s *shell, t tables) error {
	return s.run(
		`CREATE TABLE contacts (contact int PRIMARY KEY, opted_in boolean NOT NULL, opted_out boolean NOT NULL, country text)`,
		`CREATE TABLE events (contact int NOT NULL, behaviour smallint NOT NULL, day int NOT NULL)`,
		fmt.Sprintf(`\copy contacts FROM '%s' CSV`, t.contacts),
		fmt.Sprintf(`\copy events FROM '%s' CSV`, t.events),
		`CREATE INDEX ON events (behaviour, day, contact)`,
		`CREATE INDEX ON events (contact, behaviour, day)`,
		`CREATE INDEX ON contacts (country, contact) WHERE opted_in`,
		`CREATE INDEX ON contacts (contact) WHERE NOT opted_in AND NOT opted_out`,
		`VACUUM (ANALYZE)`,
	)
}

// postgresWays are a live query, and a materialized view, which keeps the members.
func postgresWays(s *shell, p *population) []rival {
	return []rival{
		{name: "PostgreSQL, live query", count: func(_ context.Context, q *question) (int64, error) {
			return countOf(s, "SELECT count(*) FROM ("+p.sql(q.postgres)+") AS members")
		}},
		{name: "PostgreSQL, materialized view", count: func(_ context.Context, q *question) (int64, error) {
			if err := s.run("CREATE MATERIALIZED VIEW members AS " + p.sql(q.postgres)); err != nil {
				return 0, err
			}
			return countOf(s, "SELECT count(*) FROM members")
		}, reset: func(context.Context, *question) error { return s.run("DROP MATERIALIZED VIEW members") }},
	}
}
