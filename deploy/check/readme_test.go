package check_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/strvals"
)

// TestReadme runs the commands of deploy/README.md with a docker, a helm and a
// kubectl that only write down what they are told, and looks whether it is so.
func TestReadme(t *testing.T) {
	calls := toldBy(t)
	if len(calls) < 6 {
		t.Fatalf("the README tells only %q", calls)
	}
	project, helm := project(t), loadChart(t)
	secrets := map[string]bool{}
	for _, call := range calls {
		switch call[0] {
		case "docker":
			expectDocker(t, call, project.Services, slices.Contains(call, "build"))
		case "kubectl":
			secrets[call[4]] = true
		case "helm":
			expectInstalls(t, helm, call, secrets)
		}
	}
}

// toldBy is every call of a tool, word by word.
func toldBy(t *testing.T) (calls [][]string) {
	t.Helper()
	text, err := os.ReadFile("../README.md")
	must(t, err)
	dir := t.TempDir()
	bin, log := filepath.Join(dir, "bin"), filepath.Join(dir, "calls")
	must(t, os.MkdirAll(filepath.Join(dir, "deploy"), 0o755))
	must(t, os.Mkdir(bin, 0o755))
	script, err := os.ReadFile("../secrets.sh")
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, "deploy", "secrets.sh"), script, 0o755))
	for _, tool := range []string{"docker", "helm", "kubectl"} {
		stub := "#!/bin/sh\n{ printf '%s\\n' " + tool + " \"$@\"; echo; } >>'" + log + "'\n"
		must(t, os.WriteFile(filepath.Join(bin, tool), []byte(stub), 0o755))
	}
	var commands strings.Builder
	for line := range strings.Lines(string(text)) {
		if code, ok := strings.CutPrefix(line, "    "); ok {
			commands.WriteString(code)
		}
	}
	cmd := exec.CommandContext(t.Context(), "bash", "-euc", commands.String())
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	all, err := os.ReadFile(log)
	must(t, err)
	for call := range strings.SplitSeq(strings.TrimSpace(string(all)), "\n\n") {
		calls = append(calls, strings.Split(call, "\n"))
	}
	return calls
}

// after is the word after another.
func after(call []string, word string) string {
	if at := slices.Index(call, word); at >= 0 && at+1 < len(call) {
		return call[at+1]
	}
	return ""
}

func expectDocker[T any](t *testing.T, call []string, services map[string]T, builds bool) {
	t.Helper()
	expectFile(t, strings.Join(call, " "), filepath.Join("../..", after(call, "-f")))
	if builds && call[1] == "build" {
		text, err := os.ReadFile("../Dockerfile")
		must(t, err)
		if name, _, _ := strings.Cut(after(call, "--build-arg"), "="); !strings.Contains(string(text), "ARG "+name) {
			t.Errorf("%q: the Dockerfile takes no %s", call, name)
		}
	}
	if at := slices.Index(call, "rollcall"); at >= 0 {
		if _, ok := services[call[at-1]]; !ok {
			t.Errorf("%q: there is no service %s", call, call[at-1])
		}
		expectTheBinaryTakes(t, call[at+1:], map[string]string{"ROLLCALL_SERVER": "http://" + nowhere})
	}
	if profile := after(call, "--profile"); profile != "" && profile != "demo" {
		t.Errorf("%q: there is no profile %s", call, profile)
	}
}

func expectInstalls(t *testing.T, c *chart.Chart, call []string, secrets map[string]bool) {
	t.Helper()
	given := map[string]any{}
	for i, word := range call {
		if word == "--set" {
			must(t, strvals.ParseInto(call[i+1], given))
		}
	}
	if _, err := render(t, c, given); err != nil {
		t.Errorf("%q: %v", call, err)
	}
	expectFile(t, "helm", filepath.Join("../..", call[3], "Chart.yaml"))
	if token, _ := given["operatorToken"].(map[string]any); token == nil || !secrets[token["secret"].(string)] {
		t.Errorf("%q takes a secret that is not among %v", call, secrets)
	}
}
