package integration

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"rollcall/integration/servers"
)

var requests = flag.Int("requests", 1000, "about how many requests TestOpenAPI makes up")

// TestOpenAPI has a program that knows nothing but the OpenAPI document make up
// requests, right and wrong ones, and hold the answers against the document.
func TestOpenAPI(t *testing.T) {
	takesLong(t)
	tool := servers.Schemathesis(t)
	p := start(t, "--embedded", "--embedded-kafka", "127.0.0.1:0", "--data-dir", t.TempDir()).ready()
	a := tenant{"acme", "UTC", "US", 730, map[string]string{"all": "all contacts", "in": `segment "all" where opted in`}}
	a.create(t, p)
	a.define(t, p, "ai")

	dir := t.TempDir()
	config := "[dictionaries.known]\nvalues = ['all', 'in', 'list', 'acme', 'nobody', 'x', 'm-1', 'c-1', 'marketing', 'contacts', '2026-11-01', " +
		"'2026-11-01T00:00:00Z', 'sms.sent', 'all contacts where clicked', 'cursor', '1/2', '0-1', 'write']\n" +
		"[generation.dictionaries]\nstring = { dictionary = 'known', probability = 0.4 }\n"
	must(t, os.WriteFile(filepath.Join(dir, "schemathesis.toml"), []byte(config), 0o600))
	const operations = 40 // about; each gets as many requests
	cmd := exec.Command(tool, "run", p.url+"/openapi.json",
		"--header", "Authorization: Bearer "+operatorToken, "--header", "Rollcall-Account: acme",
		"--phases", "examples,coverage,fuzzing", "--max-examples", fmt.Sprint(max(1, *requests/operations)),
		// Not: that /v1/dead-letters/retry takes GET too, as the letter "retry"; that a field may be null, or a
		// parameter empty, which is as if it were not there; that there must be what is asked for.
		"--checks", "all", "--exclude-checks", "allow_header_conformance,negative_data_rejection,positive_data_acceptance",
		"--exclude-operation-id", "sizes", // does not end
		"--exclude-operation-id", "follow", // likewise
		"--continue-on-failure", "--request-timeout", "30", "--no-color")
	cmd.Dir, cmd.Env = dir, append(cleanEnvironment(), "HOME="+dir)
	out, err := cmd.CombinedOutput()
	_, summary, _ := strings.Cut(string(out), "= SUMMARY =")
	t.Logf("schemathesis: %s", summary)
	if err != nil {
		t.Errorf("%v:\n%s", err, out)
	}
}
