package check_test

import (
	"bytes"
	"debug/elf"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

// dockerfile parses the Dockerfile, and fails for what BuildKit would warn of.
func dockerfile(t *testing.T) []instructions.Stage {
	t.Helper()
	text, err := os.ReadFile("../Dockerfile")
	must(t, err)
	parsed, err := parser.Parse(bytes.NewReader(text))
	must(t, err)
	for _, w := range parsed.Warnings {
		t.Errorf("Dockerfile: %s", w.Short)
	}
	warn := func(rule, description, _, message string, _ []parser.Range) {
		t.Errorf("Dockerfile: %s: %s %s", rule, description, message)
	}
	stages, _, err := instructions.Parse(parsed.AST, linter.New(&linter.Config{Warn: warn}))
	must(t, err)
	return stages
}

// expectPinned expects a tag that doesn't move from version to version.
func expectPinned(t *testing.T, image string) {
	t.Helper()
	_, tag, _ := strings.Cut(filepath.Base(image), ":")
	if tag != "nonroot" && strings.Count(tag, ".") < 2 { // Distroless has no versions
		t.Errorf("%s has no version", image)
	}
}

func TestBaseImages(t *testing.T) {
	stages := dockerfile(t)
	for _, s := range stages {
		expectPinned(t, s.BaseName)
	}
	gomod, err := os.ReadFile(filepath.Join(repository, "go.mod"))
	must(t, err)
	for line := range strings.Lines(string(gomod)) {
		if version, ok := strings.CutPrefix(strings.TrimSpace(line), "go "); ok && !strings.HasPrefix(stages[1].BaseName, "golang:"+version+"-") {
			t.Errorf("%s, and go.mod wants %s", stages[1].BaseName, version)
		}
	}
}

// stage is what the instructions so far have made.
type stage struct {
	root, dir        string // on this machine, and in the image
	env              map[string]string
	labels           map[string]string
	user             string
	entrypoint, args []string
}

// TestImage does what a Docker engine would do with the Dockerfile, on this
// machine and with its Go and Node, and looks at what comes out.
func TestImage(t *testing.T) {
	for _, tool := range []string{"npm", "sh", "cp"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("there is no %s", tool)
		}
	}
	const version = "1.2.3-check"
	given := map[string]string{"VERSION": version}
	context := buildContext(t)
	built := map[string]*stage{}
	var last *stage
	for _, s := range dockerfile(t) {
		last = &stage{root: t.TempDir(), dir: "/", env: map[string]string{}, labels: map[string]string{}}
		built[s.Name] = last
		for _, c := range s.Commands {
			last.take(t, c, context, built, given)
		}
	}

	file := last.path(last.entrypoint[0])
	out, err := exec.Command(file, "version").CombinedOutput()
	if err != nil || string(out) != "rollcall "+version+"\n" {
		t.Errorf("rollcall version: %v %s", err, out)
	}
	if last.user != "65532:65532" || last.labels["org.opencontainers.image.version"] != version || !slices.Equal(last.args, []string{"serve"}) {
		t.Errorf("%+v", last)
	}
	for name := range last.env {
		if strings.HasPrefix(name, "ROLLCALL_") && !variables(t, "serve")[name] {
			t.Errorf("the image sets %s, which the binary does not know", name)
		}
	}
	notices, err := os.ReadFile(last.path("/usr/share/doc/rollcall/THIRD_PARTY_NOTICES"))
	for _, contained := range []string{"github.com/segmentio/kafka-go", "preact", "Go go1."} {
		if !bytes.Contains(notices, []byte("\n"+contained)) {
			t.Errorf("the notices say nothing of %s: %v", contained, err)
		}
	}
	content, err := os.ReadFile(file)
	must(t, err)
	assets, err := filepath.Glob(built["page"].path("served/dist/assets/*"))
	if err != nil || len(assets) == 0 {
		t.Fatalf("no page was built: %v", err)
	}
	for _, a := range assets {
		if !bytes.Contains(content, []byte(filepath.Base(a))) {
			t.Errorf("the binary has no %s of the page", filepath.Base(a))
		}
	}
	expectStatic(t, file)
}

// expectStatic expects a program that needs no other file to run.
func expectStatic(t *testing.T, file string) {
	t.Helper()
	program, err := elf.Open(file)
	must(t, err)
	defer program.Close()
	for _, p := range program.Progs {
		if p.Type == elf.PT_INTERP {
			t.Error("the binary needs a dynamic linker")
		}
	}
}

// buildContext is what a build gets of the repository, by .dockerignore.
func buildContext(t *testing.T) string {
	t.Helper()
	ignored, err := os.Open(filepath.Join(repository, ".dockerignore"))
	must(t, err)
	defer ignored.Close()
	patterns, err := ignorefile.ReadAll(ignored)
	must(t, err)
	matcher, err := patternmatcher.New(patterns)
	must(t, err)
	to, files := t.TempDir(), 0
	must(t, filepath.WalkDir(repository, func(path string, entry fs.DirEntry, err error) error {
		name, _ := filepath.Rel(repository, path)
		if err != nil || name == "." {
			return err
		}
		ignored, err := matcher.MatchesOrParentMatches(name)
		if err != nil {
			return err
		}
		if entry.IsDir() {
			below := func(p string) bool { return strings.HasPrefix(p, "!"+name+"/") }
			if ignored && !slices.ContainsFunc(patterns, below) {
				return fs.SkipDir
			}
			return nil
		}
		if ignored {
			return nil
		}
		if files++; strings.HasSuffix(name, "_test.go") || strings.HasPrefix(name, ".") {
			t.Errorf("the image is built of %s too", name)
		}
		if err := os.MkdirAll(filepath.Dir(filepath.Join(to, name)), 0o755); err != nil {
			return err
		}
		return exec.Command("cp", "-p", path, filepath.Join(to, name)).Run()
	}))
	t.Logf("the build gets %d files", files)
	return to
}

// path is where a path of the image is on this machine.
func (s *stage) path(name string) string {
	if !filepath.IsAbs(name) {
		name = filepath.Join(s.dir, name)
	}
	return filepath.Join(s.root, name)
}

// take does what an instruction says.
func (s *stage) take(t *testing.T, command instructions.Command, context string, built map[string]*stage, given map[string]string) {
	t.Helper()
	if c, ok := command.(instructions.SupportsSingleWordExpansion); ok {
		must(t, c.Expand(func(word string) (string, error) {
			word, _, err := shell.NewLex('\\').ProcessWord(word, shell.EnvsFromSlice(s.environment()))
			return word, err
		}))
	}
	switch c := command.(type) {
	case *instructions.WorkdirCommand:
		s.dir = c.Path
		must(t, os.MkdirAll(s.path(""), 0o755))
	case *instructions.ArgCommand:
		for _, a := range c.Args {
			if value, ok := given[a.Key]; ok {
				s.env[a.Key] = value
			} else if a.Value != nil {
				s.env[a.Key] = *a.Value
			}
		}
	case *instructions.EnvCommand:
		for _, e := range c.Env {
			s.env[e.Key] = e.Value
		}
	case *instructions.LabelCommand:
		for _, l := range c.Labels {
			s.labels[l.Key] = l.Value
		}
	case *instructions.CopyCommand:
		from := &stage{root: context, dir: "/"}
		if c.From != "" {
			from = built[c.From]
		}
		for _, source := range c.SourcePaths {
			copyTo(t, from.path(source), s.path(c.DestPath), strings.HasSuffix(c.DestPath, "/"))
		}
	case *instructions.RunCommand:
		run := exec.Command("sh", "-c", strings.Join(c.CmdLine, " "))
		run.Dir, run.Env = s.path(""), append(os.Environ(), s.environment()...)
		if out, err := run.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", c, err, out)
		}
	case *instructions.UserCommand:
		s.user = c.User
	case *instructions.EntrypointCommand:
		s.entrypoint = c.CmdLine
	case *instructions.CmdCommand:
		s.args = c.CmdLine
	case *instructions.ExposeCommand:
	default:
		t.Fatalf("this does not know how to %s", command.Name())
	}
}

func (s *stage) environment() (all []string) {
	for _, name := range slices.Sorted(maps.Keys(s.env)) {
		all = append(all, name+"="+s.env[name])
	}
	return all
}

// copyTo copies a file, or what is in a folder, as COPY does.
func copyTo(t *testing.T, source, to string, intoFolder bool) {
	t.Helper()
	info, err := os.Stat(source)
	must(t, err)
	folder := filepath.Dir(to)
	if info.IsDir() {
		source += "/."
	}
	if info.IsDir() || intoFolder {
		folder = to
	}
	must(t, os.MkdirAll(folder, 0o755))
	if out, err := exec.Command("cp", "-a", source, to).CombinedOutput(); err != nil {
		t.Fatal(fmt.Errorf("%w: %s", err, out))
	}
}
