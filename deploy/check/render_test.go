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
func render(t *testing.T, c *chart.Chart, values map[string]any) (map[string]string, error) {
	release := common.ReleaseOptions{Name: "rollcall", Namespace: "sms", Revision: 1, IsInstall: true}
	all, err := util.ToRenderValues(c, values, release, common.DefaultCapabilities)
	if err != nil {
		return nil, err
	}
	return engine.Engine{Strict: true}.RenderWithContext(t.Context(), c, all)
}

// decoder takes a manifest of the types that the chart may use. A field that they
// don't have, or one that is there twice, is an error.
func decoder(t *testing.T) func(manifest string) (runtime.Object, error) {
	t.Helper()
	s := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		apps.AddToScheme, core.AddToScheme, networking.AddToScheme, policy.AddToScheme, monitoring.AddToScheme,
	} {
		must(t, add(s))
	}
	strict := serializer.NewCodecFactory(s, serializer.EnableStrict).UniversalDeserializer()
	return func(manifest string) (runtime.Object, error) {
		object, _, err := strict.Decode([]byte(manifest), nil, nil)
		return object, err
	}
}

func TestManifestsAreDecodedStrictly(t *testing.T) {
	decode := decoder(t)
	for manifest, want := range map[string]string{
		"apiVersion: v1\nkind: Service\nspec: {type: ClusterIP}":                 "",
		"apiVersion: v1\nkind: Service\nspec: {typ: ClusterIP}":                  "unknown field",
		"apiVersion: v1\nkind: Service\nspec: {type: ClusterIP, type: NodePort}": "already set",
		"apiVersion: v1\nkind: Service\nspec: {ports: [{port: http}]}":           "int32",
		"apiVersion: v2\nkind: Service":                                          "no kind",
	} {
		_, err := decode(manifest)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", manifest, err, want)
		}
	}
}

// manifests renders the chart, and decodes all of it.
func manifests(t *testing.T, c *chart.Chart, text string) (objects []runtime.Object, notes string) {
	t.Helper()
	files, err := render(t, c, values(t, text))
	must(t, err)
	decode := decoder(t)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if path.Base(name) == "NOTES.txt" {
			notes = files[name]
			continue
		}
		for document := range strings.SplitSeq(files[name], "\n---") {
			if isEmpty(t, document) {
				continue
			}
			object, err := decode(document)
			if err != nil {
				t.Fatalf("%s: %v\n%s", name, err, document)
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
