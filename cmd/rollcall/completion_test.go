package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestCandidates(t *testing.T) {
	b := newBench(t)
	b.expect("", "segment", "put", "engaged", "all contacts", "--name", "Engaged")
	t.Setenv("ROLLCALL_SERVER", b.url)
	for words, want := range map[string]string{
		"seg":                    "segment",
		"segment si":             "size",
		"segment put --if":       "--if-version",
		"segment size --wa":      "--watch",
		"token create --scope ":  "read write",
		"token create --scope w": "write",
		"completion ":            "bash zsh fish",
		"segment show ":          "engaged",
		"check en":               "engaged",
		"check other ":           "", // contacts, which nobody lists
		"segment show engaged ":  "",
		"report sms --segment e": "engaged",
		"list list --kind ":      "marketing form webinar",
		"compl":                  "completion", // and not the command that shells call
	} {
		code, out, errs := b.complete(strings.Split(words, " ")...)
		var got []string
		for line := range strings.Lines(out) {
			word, _, _ := strings.Cut(line, "\t")
			got = append(got, word)
		}
		if code != 0 || strings.Join(got, " ") != want {
			t.Errorf("%q: exit %d, %q%s, want %q", words, code, got, errs, want)
		}
	}
}

func (b *bench) complete(words ...string) (code int, stdout, stderr string) {
	var out, errs strings.Builder
	code = run(b.t.Context(), append([]string{"complete", "--"}, words...), &out, &errs)
	return code, out.String(), errs.String()
}

// TestBash has the shell itself ask.
func TestBash(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	if out, err := exec.Command("go", "build", "-o", filepath.Join(dir, "rollcall"), ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	cmd := exec.Command(bash, "-c", `source <(rollcall completion bash)
		COMP_WORDS=(rollcall segment re) COMP_CWORD=2
		_rollcall rollcall re segment
		echo "${COMPREPLY[@]}"`)
	cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"))
	if out, err := cmd.CombinedOutput(); err != nil || string(out) != "recipients\n" {
		t.Errorf("%v\n%s", err, out)
	}
}
