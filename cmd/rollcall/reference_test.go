package main

import (
	"cmp"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"rollcall/node"
)

var update = flag.Bool("update", false, "write docs/configuration.md anew")

// TestReference holds docs/configuration.md against the code that it is made of.
func TestReference(t *testing.T) {
	const path = "../../docs/configuration.md"
	want := reference(t)
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	is, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(is) != want {
		t.Errorf("docs/configuration.md is not what the code says: go test ./cmd/rollcall -run TestReference -update")
	}
}

const referenceHead = `# Configuration

<!-- Made by: go test ./cmd/rollcall -run TestReference -update -->

What ` + "`rollcall serve`" + ` takes is said by a flag, by an environment variable, or by a file in YAML that ` + "`--config FILE`" + `
(or ` + "`ROLLCALL_CONFIG`" + `) names. A flag comes before the environment, that before the file, and the file before the default.

    # rollcall.yaml
    brokers: [b1:9092, b2:9092]
    redis: rediss://r1:6379
    redis-user: rollcall
    redis-password-file: /run/secrets/redis
    operator-token-file: /run/secrets/operator
    listen: 0.0.0.0:8080

- The keys are the flags without their dashes. A key that does not exist is an error, with its line.
- Several values are a list, or one text with commas.
- Secrets can stand in the file, but are better in files of their own: ` + "`...-file`" + `. The name of a file is taken from where
  the process runs.
- ` + "`check-config`" + ` takes the same, changes nothing, and says what is wrong and how to mend it; it exits with 1 if there are
  errors, and with 0 if there are warnings only. ` + "`state export`, `state import` and `generate`" + ` take from the same file what
  they have flags for.

`

func reference(t *testing.T) string {
	parser := kong.Must(&cli{}, kong.Name("rollcall"), kong.DefaultEnvars("ROLLCALL"), withConfigFile())
	app := parser.Model.Node
	serve := childOf(app, "serve")
	keys := fileKeys(app)
	var b strings.Builder
	b.WriteString(referenceHead)
	var titles []string
	groups := map[string][]*kong.Flag{}
	for _, f := range serve.Flags {
		if f.Name == "help" {
			continue
		}
		if f.Group == nil {
			t.Fatalf("--%s is in no group", f.Name)
		}
		if title := f.Group.Title; groups[title] == nil {
			titles = append(titles, title)
		}
		groups[f.Group.Title] = append(groups[f.Group.Title], f)
	}
	b.WriteString("## rollcall serve, rollcall check-config\n")
	for _, title := range titles {
		fmt.Fprintf(&b, "\n### %s\n\n", title)
		flagTable(&b, groups[title], keys)
	}
	state := childOf(app, "state")
	for _, c := range []*kong.Node{childOf(state, "export"), childOf(state, "import"), childOf(app, "generate")} {
		own := slices.DeleteFunc(slices.Clone(c.Flags), func(f *kong.Flag) bool {
			return f.Name == "help" || f.Name == "config" || slices.Contains(keys, f.Name)
		})
		if len(own) > 0 {
			fmt.Fprintf(&b, "\n## %s, besides\n\n", strings.TrimSpace(strings.SplitN(c.FullPath(), " <", 2)[0]))
			flagTable(&b, own, nil)
		}
	}
	b.WriteString("\n## Commands that ask a server\n\n")
	flagTable(&b, slices.DeleteFunc(slices.Clone(app.Flags), func(f *kong.Flag) bool { return f.Name == "help" }), nil)
	topicTable(&b)
	return b.String()
}

func flagTable(b *strings.Builder, flags []*kong.Flag, keys []string) {
	b.WriteString("| flag | environment | file | default | |\n|---|---|---|---|---|\n")
	for _, f := range flags {
		name, key, standard := f.Name, "", f.Default
		if f.Tag.Negatable != "" {
			name = "[no-]" + name
		}
		if slices.Contains(keys, f.Name) {
			key = quoted(f.Name)
		}
		if f.IsBool() {
			standard = cmp.Or(standard, "false")
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s |\n", quoted("--"+name), quoted(strings.Join(f.Envs, " ")), key, quoted(standard),
			strings.ReplaceAll(f.Help, "|", "\\|"))
	}
}

func quoted(s string) string {
	if s == "" {
		return ""
	}
	return "`" + s + "`"
}

func topicTable(b *strings.Builder) {
	b.WriteString(`
## Topics

` + "`serve`" + ` creates those that are missing, so, with as many partitions as the state has. Where the user may not, create them before.

| topic | partitions | configuration |
|---|---|---|
`)
	const partitions = 8
	for _, topic := range node.Topics(partitions) {
		count := "those of the state"
		if topic.Partitions != partitions {
			count = fmt.Sprint(topic.Partitions)
		}
		var settings []string
		for _, name := range slices.Sorted(maps.Keys(topic.Config)) {
			settings = append(settings, quoted(name+"="+topic.Config[name]))
		}
		fmt.Fprintf(b, "| %s | %s | %s |\n", quoted(topic.Name), count, strings.Join(settings, " "))
	}
}
