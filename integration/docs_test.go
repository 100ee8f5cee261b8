package integration

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"rollcall/integration/servers"
	"rollcall/pipeline/segment"
)

// TestDocs runs what the docs tell people to type, page by page and from top to
// bottom, against a server as make run starts it. A block that is not known how
// to run fails.
func TestDocs(t *testing.T) {
	takesLong(t)
	r := newReader(t)
	for _, page := range []string{"first-half-hour.md", "producing.md", "asking.md"} {
		t.Run(page, func(t *testing.T) {
			text, err := os.ReadFile("../docs/" + page)
			must(t, err)
			blocks := fencedBlocks(string(text))
			if len(blocks) == 0 {
				t.Fatal("there is nothing to run")
			}
			for _, b := range blocks {
				r.with(t).run(b)
			}
		})
	}
}

// TestReadme does so with the README. Its blocks are what one would type at some
// time, so each line is tried by itself, and what a reader fills in is filled in.
func TestReadme(t *testing.T) {
	takesLong(t)
	r := newReader(t)
	r.run(block{"sh", beforeReadme, 0})
	text, err := os.ReadFile("../README.md")
	must(t, err)
	left := maps.Clone(readersFill)
	for _, b := range indentedBlocks(string(text)) {
		for theirs, ours := range readersFill {
			if strings.Contains(b.code, theirs) {
				b.code = strings.ReplaceAll(b.code, theirs, ours)
				delete(left, theirs)
			}
		}
		if strings.TrimSpace(b.code) != "" {
			r.run(b)
		}
	}
	for theirs := range left {
		t.Errorf("the README has no %q any more", theirs)
	}
}

// beforeReadme is what its examples take to be there.
const beforeReadme = `
rollcall account create acme --timezone America/New_York
rollcall segment put engaged 'all contacts where opted in' --account acme
printf 'contact,phone,region\nbea,(212) 555-0142,US\n' >people.csv
printf 'contact,consent,at\nbea,opted_in,2026-03-01T10:00:00Z\n' >consent.csv
printf 'contact,member\nbea,true\n' >members.csv
kcat -P -b 127.0.0.1:9092 -t sms.clicked -k demo/c-1 <<<garbage
sleep 2
`

// readersFill is what stands in the README for what only a reader has, and what
// is done here instead; nothing, where another test does it.
var readersFill = map[string]string{
	"make run     #":                         "#",
	"make test    #":                         "#", // it is what this is
	"rollcall segment size engaged --watch ": "timeout 2 rollcall segment size engaged --watch || [ $? = 124 ] ",
	"curl -N 'http":                          "curl -s -N --max-time 2 'http", // a stream without end
	"127.0.0.1:8080/v1/sizes'":               "127.0.0.1:8080/v1/sizes' || [ $? = 28 ]",
	`rollcall snapshot create engaged --name "Spring sale"`: `id=$(rollcall snapshot create engaged --name "Spring sale" | awk 'NR==1{print $1}')`,
	"snapshot recipients 1207":                              `snapshot recipients "$id"`,
	"snapshot show 1207":                                    `snapshot show "$id"`,
	"snapshot delete 1207":                                  `snapshot delete "$id"`,
	"/v1/snapshots/1207/":                                   `/v1/snapshots/"$id"/`,
	"export ROLLCALL_OPERATOR_TOKEN=...\n":                  "exit 0\n", // servers of one's own: every other test
	"rollcall replay sms.sent-2025 ":                        "# ",       // TestReplay
	"rollcall replay show ID; rollcall replay cancel ID":    `rollcall replay show "$(rollcall replay list | awk 'NR==2{print $1}')"`,
	"rollcall rebuild show ID; rollcall rebuild cancel ID":  "true",
	"dead-letters show 3-1207":                              `dead-letters show "$(rollcall dead-letters list | awk 'NR==2{print $1}')"`,
	"dead-letters retry 3-1207":                             "dead-letters retry --all",
	"rollcall loss accept ":                                 "# ", // TestLossAccepted
	"rollcall state ":                                       "# ", // TestStateExportImport
}

// block is some code of a page.
type block struct {
	language, code string
	line           int
}

var fence = regexp.MustCompile("(?ms)^```(\\w+)\n(.*?)^```$")

func fencedBlocks(text string) (blocks []block) {
	for _, at := range fence.FindAllStringSubmatchIndex(text, -1) {
		blocks = append(blocks, block{text[at[2]:at[3]], text[at[4]:at[5]], 1 + strings.Count(text[:at[0]], "\n")})
	}
	return blocks
}

// indentedBlocks are what is indented by four, each told by its first word.
func indentedBlocks(text string) (blocks []block) {
	var b block
	end := func() {
		if b.code != "" {
			b.language = languageOf(b.code)
			blocks = append(blocks, b)
		}
		b = block{}
	}
	for i, line := range strings.Split(text, "\n") {
		code, ok := strings.CutPrefix(line, "    ")
		if !ok {
			end()
			continue
		}
		if b.code == "" {
			b.line = i + 1
		}
		b.code += code + "\n"
	}
	end()
	return blocks
}

func languageOf(code string) string {
	first, _, _ := strings.Cut(strings.TrimSpace(code), " ")
	switch {
	case strings.HasPrefix(first, "{"):
		return "json"
	case slices.Contains([]string{"all", "list", "segment", "form", "webinar"}, first):
		return "segment"
	case first == "c":
		return "excerpt"
	case regexp.MustCompile(`^\d\d:\d\d:\d\d$`).MatchString(first), first == "ACL":
		return "shown"
	}
	return "sh"
}

// reader is somebody who does what a page says.
type reader struct {
	t     *testing.T
	dir   string
	env   []string
	place *strings.Replacer // of the addresses in the docs
}

// newReader starts what make run does, on other addresses, and puts the binary on
// the path.
func newReader(t *testing.T) *reader {
	t.Helper()
	listen, kafka, bin := servers.Address(t), servers.Address(t), t.TempDir()
	must(t, os.Symlink(binary, filepath.Join(bin, "rollcall")))
	servers.Kcat(t)
	r := &reader{t: t, dir: t.TempDir(), place: strings.NewReplacer("127.0.0.1:8080", listen, "127.0.0.1:9092", kafka)}
	r.env = append(cleanEnvironment(), "ROLLCALL_SERVER=http://"+listen, "PATH="+bin+":"+os.Getenv("PATH"))
	ctx, stop := context.WithCancel(context.Background())
	server := exec.CommandContext(ctx, binary, "serve", "--demo", "--listen", listen, "--embedded-kafka", kafka, "--data-dir", t.TempDir())
	server.Env = cleanEnvironment()
	var said lockedBuffer
	server.Stdout = &said
	must(t, server.Start())
	guard := guardProcess(t, server.Process.Pid)
	t.Cleanup(func() { stop(); _ = server.Wait(); _, _ = io.WriteString(guard, "dismissed\n") })
	eventually(t, 2*time.Minute, "the demo is there", func() error {
		if out := said.String(); !strings.Contains(out, "all of it is in the segments") {
			return fmt.Errorf("it says %s", out)
		}
		return nil
	})
	return r
}

func (r *reader) with(t *testing.T) *reader {
	c := *r
	c.t = t
	return &c
}

func (r *reader) command(name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(r.t.Context(), name, args...)
	cmd.Dir, cmd.Env = r.dir, r.env
	return cmd
}

// run does what a block says.
func (r *reader) run(b block) {
	r.t.Helper()
	code := r.place.Replace(b.code)
	var cmd *exec.Cmd
	switch b.language {
	case "sh":
		cmd = r.command("bash", "-eu", "-c", code)
	case "go":
		cmd = r.command("go", "run", r.file("main.go", code))
		cmd.Dir = "" // within this module
	case "python":
		cmd = r.command(servers.Python(r.t, "confluent_kafka"), r.file("page.py", code))
	case "java":
		jars, err := servers.KafkaJars()
		must(r.t, err)
		cmd = r.command("java", "-cp", filepath.Join(jars, "*"), r.file("Page.java", code))
	case "json":
		if !json.Valid([]byte(code)) {
			r.t.Errorf("line %d is no JSON: %s", b.line, code)
		}
		return
	case "segment":
		for text := range strings.Lines(code) {
			if _, err := segment.Parse(strings.TrimSpace(text)); err != nil {
				r.t.Errorf("line %d: %s: %v", b.line, text, err)
			}
		}
		return
	case "excerpt": // of a program that has the rest
		cmd = r.command("go", "vet", r.file("main.go", excerptBegin+code+excerptEnd))
		cmd.Dir = ""
	case "shown":
		return
	default:
		r.t.Fatalf("line %d: nobody knows how to run %s", b.line, b.language)
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		r.t.Errorf("line %d: %v\n%s\n%s", b.line, err, code, out)
	} else {
		r.t.Logf("line %d:\n%s\n%.2000s", b.line, code, out)
	}
}

func (r *reader) file(name, code string) string {
	path := filepath.Join(r.t.TempDir(), name)
	must(r.t, os.WriteFile(path, []byte(code), 0o600))
	return path
}

const (
	excerptBegin = "package main\n\nimport (\n\"context\"\n\"rollcall/client\"\n)\n\nfunc main() {\nctx, token := context.Background(), \"\"\n"
	excerptEnd   = "_, _, _ = list, ok, err\n}\n"
)

// lockedBuffer takes what a process says, to be looked at meanwhile.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
