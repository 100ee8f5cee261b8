// Package rollcall_test holds the rules of who imports whom.
package rollcall_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const (
	kafka = "github.com/segmentio/kafka-go"
	redis = "github.com/redis/go-redis/v9"
)

// pkg is a package as go list tells it, without its tests.
type pkg struct {
	ImportPath string
	Imports    []string
	Deps       []string
}

// packages are all of ours but integration/..., which is the product from outside.
func packages(t *testing.T) map[string]pkg {
	t.Helper()
	out, err := exec.Command("go", "list", "-deps", "-json=ImportPath,Imports,Deps", "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	all := map[string]pkg{}
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		if ours(p.ImportPath) && !under(p.ImportPath, "rollcall/integration") {
			all[p.ImportPath] = p
		}
	}
}

func ours(path string) bool { return under(path, "rollcall") }

// under tells whether a package is root, or in a folder of it.
func under(path, root string) bool { return path == root || strings.HasPrefix(path, root+"/") }

func TestLeavesImportNothingOfOurs(t *testing.T) {
	all := packages(t)
	for _, leaf := range []string{"rollcall/consumers", "rollcall/bitmaps", "rollcall/pipeline/segment", "rollcall/pipeline/portable", "rollcall/embedded", "rollcall/client"} {
		p, ok := all[leaf]
		if !ok {
			t.Errorf("there is no %s", leaf)
		}
		for _, dep := range p.Deps {
			if ours(dep) {
				t.Errorf("%s depends on %s", leaf, dep)
			}
		}
	}
}

// A program that sends takes nothing on with the client.
func TestClientNeedsTheStandardLibraryOnly(t *testing.T) {
	for _, dep := range packages(t)["rollcall/client"].Deps {
		if first, _, _ := strings.Cut(dep, "/"); strings.Contains(first, ".") {
			t.Errorf("rollcall/client depends on %s", dep)
		}
	}
}

// Only one package knows Kafka's library and one Redis'; wiring hands a Redis
// client through.
func TestLibrariesStayBehindTheirSeams(t *testing.T) {
	allowed := map[string][]string{
		kafka: {"rollcall/consumers"},
		redis: {"rollcall/bitmaps", "rollcall/node", "rollcall/cmd/rollcall"},
	}
	all := packages(t)
	for library, knowing := range allowed {
		for path, p := range all {
			for _, imported := range p.Imports {
				if under(imported, library) && !slices.Contains(knowing, path) {
					t.Errorf("%s imports %s", path, imported)
				}
			}
		}
		if !slices.ContainsFunc(all[knowing[0]].Imports, func(i string) bool { return under(i, library) }) {
			t.Errorf("%s does not import %s: this test looks for the wrong name", knowing[0], library)
		}
	}
}

// imports lists what packages may import of ours.
var imports = map[string][]string{
	"rollcall/pipeline": {"rollcall/bitmaps", "rollcall/consumers", "rollcall/pipeline/catalog", "rollcall/pipeline/cloudevents",
		"rollcall/pipeline/inputs", "rollcall/pipeline/naive", "rollcall/pipeline/portable", "rollcall/pipeline/segment",
		"rollcall/pipeline/sizes"},
	"rollcall/pipeline/cloudevents": {"rollcall/consumers"},
	"rollcall/pipeline/inputs":      {"rollcall/consumers", "rollcall/pipeline/cloudevents"},
	"rollcall/pipeline/catalog":     {"rollcall/pipeline/segment"},
	"rollcall/pipeline/naive":       {"rollcall/pipeline/segment"}, // the oracle shares no code with what it judges
	"rollcall/pipeline/history":     {"rollcall/pipeline/naive", "rollcall/pipeline/segment"},
	"rollcall/pipeline/imports":     {"rollcall/consumers", "rollcall/pipeline", "rollcall/pipeline/catalog", "rollcall/pipeline/segment"},
	"rollcall/pipeline/sizes":       {"rollcall/pipeline/catalog", "rollcall/pipeline/segment"},
	"rollcall/api": {"rollcall/pipeline", "rollcall/pipeline/catalog", "rollcall/pipeline/imports", "rollcall/pipeline/segment",
		"rollcall/pipeline/sizes"},
}

func TestImports(t *testing.T) {
	all := packages(t)
	for path, allowed := range imports {
		p, ok := all[path]
		if !ok {
			t.Errorf("there is no %s", path)
		}
		for _, imported := range p.Imports {
			if ours(imported) && !slices.Contains(allowed, imported) {
				t.Errorf("%s imports %s", path, imported)
			}
		}
	}
}
