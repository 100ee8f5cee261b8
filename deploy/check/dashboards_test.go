package check_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// TestDashboards reads the dashboards with Grafana's own types, which refuse
// what they don't know, down to the options of each panel.
func TestDashboards(t *testing.T) {
	plugins.RegisterDefaultPlugins()
	files, err := filepath.Glob("../grafana/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("dashboards: %v, %v", files, err)
	}
	uids := map[string]string{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var d dashboard.Dashboard
		if err := d.UnmarshalJSONStrict(text); err != nil && err.Error() != "" { // a list of errors, which may be empty
			t.Errorf("%s: %v", file, err)
			continue
		}
		if err := d.Validate(); err != nil && err.Error() != "" {
			t.Errorf("%s: %v", file, err)
		}
		if d.Uid == nil || uids[*d.Uid] != "" {
			t.Errorf("%s has no uid, or that of another", file)
		} else {
			uids[*d.Uid] = file
		}
	}
}
