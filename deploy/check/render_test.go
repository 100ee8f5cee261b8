package check_test

import (
	"encoding/json"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/engine"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

const chartDir = "../helm/rollcall"

func loadChart(t *testing.T) *chart.Chart {
	t.Helper()
	c, err := loader.LoadDir(chartDir)
	must(t, err)
	return c
}

// values parses values, and lays them over the least that there must be.
func values(t *testing.T, text string) map[string]any {
	t.Helper()
	var least, given map[string]any
	must(t, yaml.Unmarshal([]byte(`
kafka: {brokers: ["b1:9092", "b2:9092"]}
redis: {url: "redis://r1:6379"}
operatorToken: {secret: operator}
`), &least))
	must(t, yaml.Unmarshal([]byte(text), &given))
	return loader.MergeMaps(least, given)
}

// render is what Helm does for an install: it validates the values, and fills
// in the templates.
func render(c *chart.Chart, values map[string]any) (map[string]string, error) {
	release := common.ReleaseOptions{Name: "rollcall", Namespace: "sms", Revision: 1, IsInstall: true}
	all, err := util.ToRenderValues(c, values, release, common.DefaultCapabilities)
	if err != nil {
		return nil, err
	}
	return engine.Engine{Strict: true}.Render(c, all)
}

// scheme is of the types that the chart may use.
func scheme(t *testing.T) *runtime.Scheme {
	t.Helper()
	s := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		apps.AddToScheme, core.AddToScheme, networking.AddToScheme, policy.AddToScheme, monitoring.AddToScheme,
	} {
		must(t, add(s))
	}
	return s
}

// manifests renders the chart, and decodes all of it into its types: a field
// that they don't have, or one that is there twice, is an error.
func manifests(t *testing.T, c *chart.Chart, text string) (objects []runtime.Object, notes string) {
	t.Helper()
	files, err := render(c, values(t, text))
	must(t, err)
	decoder := serializer.NewCodecFactory(scheme(t), serializer.EnableStrict).UniversalDeserializer()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if path.Base(name) == "NOTES.txt" {
			notes = files[name]
			continue
		}
		for document := range strings.SplitSeq(files[name], "\n---") {
			if isEmpty(t, document) {
				continue
			}
			asJSON, err := utilyaml.ToJSON([]byte(document))
			must(t, err)
			object, _, err := decoder.Decode([]byte(document), nil, nil)
			if err != nil {
				t.Fatalf("%s: %v\n%s\n%s", name, err, document, asJSON)
			}
			objects = append(objects, object)
		}
	}
	return objects, notes
}

// isEmpty tells whether a document has comments only.
func isEmpty(t *testing.T, document string) bool {
	t.Helper()
	var v any
	must(t, yaml.Unmarshal([]byte(document), &v))
	b, _ := json.Marshal(v)
	return string(b) == "null"
}

// of are the objects of a type.
func of[T runtime.Object](objects []runtime.Object) (all []T) {
	for _, o := range objects {
		if typed, ok := o.(T); ok {
			all = append(all, typed)
		}
	}
	return all
}
