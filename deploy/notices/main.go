// Command notices prints the licences and notices of everything that the binary
// of rollcall contains, for release archives and images: the Go modules that it
// is built from, and the npm packages of its page.
//
// It fails if one has no licence, or none of the licences that allow it.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// part is a module or package that the binary contains.
type part struct{ name, version, dir string }

func main() {
	if err := run(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "notices:", err)
		os.Exit(1)
	}
}

func run(w io.Writer) error {
	modules, err := goModules("./cmd/rollcall")
	if err != nil {
		return err
	}
	packages, err := npmPackages("web/package-lock.json")
	if err != nil {
		return err
	}
	var all []error
	for _, p := range append(modules, packages...) {
		text, err := p.notice()
		if err != nil {
			all = append(all, fmt.Errorf("%s %s: %w", p.name, p.version, err))
		}
		fmt.Fprintf(w, "%s\n%s %s\n%[1]s\n\n%[4]s\n", strings.Repeat("=", 80), p.name, p.version, text)
	}
	return errors.Join(all...)
}

// goModules are the modules of a command, and Go itself.
func goModules(command string) ([]part, error) {
	list := exec.Command("go", "list", "-deps", "-json=Module", command)
	list.Stderr = os.Stderr
	out, err := list.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	root, err := exec.Command("go", "env", "GOROOT", "GOVERSION").Output()
	if err != nil {
		return nil, fmt.Errorf("go env: %w", err)
	}
	dir, version, _ := strings.Cut(strings.TrimSpace(string(root)), "\n")
	parts := []part{{"Go", version, dir}}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			Module *struct {
				Path, Version, Dir string
				Main               bool
			}
		}
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, err
		}
		if m := p.Module; m != nil && !m.Main {
			parts = append(parts, part{m.Path, m.Version, m.Dir})
		}
	}
	slices.SortFunc(parts, func(a, b part) int { return strings.Compare(a.name, b.name) })
	return slices.Compact(parts), nil
}

// npmPackages are those that the built page contains.
func npmPackages(lock string) ([]part, error) {
	data, err := os.ReadFile(lock)
	if err != nil {
		return nil, err
	}
	var locked struct {
		Packages map[string]struct {
			Version string
			Dev     bool
		}
	}
	if err := json.Unmarshal(data, &locked); err != nil {
		return nil, fmt.Errorf("%s: %w", lock, err)
	}
	var parts []part
	for path, p := range locked.Packages {
		if name, ok := strings.CutPrefix(path, "node_modules/"); ok && !p.Dev {
			parts = append(parts, part{name, p.Version, filepath.Join(filepath.Dir(lock), path)})
		}
	}
	slices.SortFunc(parts, func(a, b part) int { return strings.Compare(a.name, b.name) })
	return parts, nil
}

var (
	licenceFile = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|patents)(\.md|\.txt|-[a-z0-9.]+)?$`)
	allowed     = regexp.MustCompile(`(?i)Apache License|Permission is hereby granted|Redistribution and use in source and binary forms|Permission to use, copy, modify,|Mozilla Public License`)
)

// notice is the text of all its licences and notices.
func (p part) notice() (string, error) {
	entries, err := os.ReadDir(p.dir)
	if err != nil {
		return "", err
	}
	var text strings.Builder
	for _, e := range entries {
		if e.IsDir() || !licenceFile.MatchString(e.Name()) {
			continue
		}
		data, err := os.ReadFile(filepath.Join(p.dir, e.Name()))
		if err != nil {
			return "", err
		}
		text.Write(append(bytes.TrimSpace(data), '\n'))
	}
	if !allowed.MatchString(text.String()) {
		return "", fmt.Errorf("no licence that is known to allow it in %s", p.dir)
	}
	return text.String(), nil
}
