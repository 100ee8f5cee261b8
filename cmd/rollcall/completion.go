package main

import (
	"cmp"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// Each script hands the words up to the cursor to "rollcall complete", which
// prints what may stand there, with a tab before what it means.
var completionScripts = map[string]string{
	"bash": `_rollcall() {
    local line
    COMPREPLY=()
    while IFS= read -r line; do
        [[ ${line%%$'\t'*} == "$2"* ]] && COMPREPLY+=("${line%%$'\t'*}")
    done < <("$1" complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o default -F _rollcall rollcall
`,
	"zsh": `#compdef rollcall
_rollcall() {
    local line
    local -a lines
    for line in "${(@f)$("${words[1]}" complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
        [[ -n $line ]] && lines+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}")
    done
    if (( ${#lines} )); then _describe rollcall lines; else _files; fi
}
if [[ $funcstack[1] == _rollcall ]]; then _rollcall "$@"; else compdef _rollcall rollcall; fi
`,
	"fish": `complete -c rollcall -a '(set -l words (commandline -opc); $words[1] complete -- $words[2..-1] (commandline -ct) 2>/dev/null)'
`,
}

func (c *completionCmd) Run(s *session) error {
	_, err := io.WriteString(s.stdout, completionScripts[c.Shell])
	return err
}

// completeCmd answers a shell.
type completeCmd struct {
	Words []string `arg:"" optional:"" passthrough:""`
}

// completeWait is how long a shell waits for the server's names.
const completeWait = time.Second

func (c *completeCmd) Run(s *session, app *kong.Kong) error {
	words := c.Words
	if len(words) > 0 && words[0] == "--" {
		words = words[1:]
	}
	if len(words) == 0 {
		words = []string{""}
	}
	for _, candidate := range candidates(s, app.Model.Node, words) {
		s.printf("%s\t%s\n", candidate.word, candidate.help)
	}
	return nil
}

type candidate struct{ word, help string }

// candidates are what the last of the words, as far as it was typed, may become.
func candidates(s *session, node *kong.Node, words []string) (found []candidate) {
	typed, before := words[len(words)-1], words[:len(words)-1]
	var value *kong.Value // what is expected: a flag's value
	position := 0
	for _, word := range before {
		switch {
		case value != nil:
			value = nil
		case strings.HasPrefix(word, "-"):
			value = valueOf(node, word)
		default:
			if child := childOf(node, word); child != nil {
				node, position = child, 0
			} else {
				position++
			}
		}
	}
	switch {
	case value != nil:
		found = values(s, value)
	case strings.HasPrefix(typed, "-"):
		found = flags(node)
	default:
		found = commands(node)
		if p := positional(node, position); p != nil {
			found = append(found, values(s, p)...)
		}
	}
	return slices.DeleteFunc(found, func(c candidate) bool { return !strings.HasPrefix(c.word, typed) })
}

// valueOf is what comes after a flag, if anything does.
func valueOf(node *kong.Node, word string) *kong.Value {
	for _, group := range node.AllFlags(false) {
		for _, f := range group {
			if word == "--"+f.Name && !f.IsBool() {
				return f.Value
			}
		}
	}
	return nil
}

func childOf(node *kong.Node, name string) *kong.Node {
	i := slices.IndexFunc(node.Children, func(c *kong.Node) bool { return c.Name == name })
	if i < 0 {
		return nil
	}
	return node.Children[i]
}

// positional is the argument in a place; the last may be there more than once.
func positional(node *kong.Node, at int) *kong.Value {
	if len(node.Positional) == 0 && node.DefaultCmd != nil {
		node = node.DefaultCmd
	}
	last := len(node.Positional) - 1
	if last < 0 || at > last && !node.Positional[last].IsCumulative() {
		return nil
	}
	return node.Positional[min(at, last)]
}

func commands(node *kong.Node) (found []candidate) {
	for _, c := range node.Children {
		if !c.Hidden {
			found = append(found, candidate{c.Name, c.Help})
		}
	}
	return found
}

func flags(node *kong.Node) (found []candidate) {
	for _, group := range slices.Backward(node.AllFlags(true)) { // the command's own first
		for _, f := range group {
			found = append(found, candidate{"--" + f.Name, f.Help})
		}
	}
	return found
}

// values are those that the grammar lists, or the server's segments where the
// tag says so.
func values(s *session, v *kong.Value) (found []candidate) {
	if v.Enum != "" {
		for _, word := range v.EnumSlice() {
			if word != "" { // which is: nothing chosen
				found = append(found, candidate{word, ""})
			}
		}
	}
	if v.Tag.Get("complete") != "segments" {
		return found
	}
	ctx, cancel := context.WithTimeoutCause(s.ctx, completeWait, errors.New("the server takes too long for a completion"))
	defer cancel()
	asking := *s
	asking.ctx = ctx
	list, err := fetch[struct{ Segments []segmentAnswer }](&asking, "GET", "/v1/segments", nil)
	if err != nil {
		return found // a shell has no use for the reason
	}
	for _, a := range list.Segments {
		found = append(found, candidate{a.ID, plain(cmp.Or(a.Name, a.Text))})
	}
	return found
}
