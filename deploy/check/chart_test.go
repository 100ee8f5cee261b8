package check_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/v2/lint"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"
)

// everything is switched on, and given.
const everything = `
image: {repository: registry.example/rollcall, tag: "1.2.3", pullSecrets: [registry]}
kafka:
  tls: {enabled: true, secret: kafka-tls, ca: ca.crt, clientCertificate: true}
  sasl: {mechanism: SCRAM-SHA-512, user: rollcall, secret: kafka, key: pass}
redis:
  url: rediss://r1:6379,rediss://r2:6379
  user: rollcall
  password: {secret: redis}
  tls: {secret: redis-tls, ca: ca.crt, clientCertificate: true}
inputs: {"twilio.events": {"preset": "twilio", "fields": {"account": "acme"}}}
env: {ROLLCALL_HISTORY_EVERY: 5m, GOMEMLIMIT: 1GiB}
pipeline: {podAnnotations: {a: b}, nodeSelector: {disk: ssd}, tolerations: [{operator: Exists}], affinity: {podAntiAffinity: {}}}
api: {replicas: 3, drainSeconds: 20}
service: {type: LoadBalancer, port: 8080, annotations: {a: b}}
ingress: {enabled: true, className: nginx, host: rollcall.example, tlsSecret: tls, annotations: {a: b}}
serviceAccount: {name: sms, annotations: {a: b}}
networkPolicy:
  enabled: true
  apiFrom: [{podSelector: {matchLabels: {app: sender}}}]
  opsFrom: [{namespaceSelector: {}}]
monitoring: {podMonitor: {enabled: true, labels: {release: prometheus}}, rules: {enabled: true, labels: {release: prometheus}}, dashboards: {enabled: true}}
`

// sets are values that people may have.
var sets = map[string]string{
	"the least":   "",
	"everything":  everything,
	"no user":     `{redis: {url: "redis://r1:6379/3", password: {secret: redis, key: pw}}}`,
	"SASL only":   `{kafka: {sasl: {mechanism: PLAIN, user: u, secret: kafka}}}`,
	"TLS only":    `{kafka: {tls: {enabled: true}}, redis: {url: "rediss://r1:6379"}}`,
	"no drain":    `{api: {drainSeconds: 0}, serviceAccount: {create: false}, podDisruptionBudget: {enabled: false}}`,
	"open policy": `{networkPolicy: {enabled: true}}`,
}

func TestChart(t *testing.T) {
	t.Parallel()
	serves := variables(t, "serve")
	for name, text := range sets {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // the binary tries for 10 s to find Kafka
			c := loadChart(t)
			c.Files = append(c.Files,
				&common.File{Name: "files/prometheus/rules.yaml", Data: []byte("groups:\n  - name: a\n    rules: [{alert: A, expr: \"up == 0\"}]\n")},
				&common.File{Name: "files/grafana/a.json", Data: []byte(`{"title": "{{a}}"}`)})
			objects, notes := manifests(t, c, text)
			deployments := of[*apps.Deployment](objects)
			if len(deployments) != 2 {
				t.Fatalf("%d deployments", len(deployments))
			}
			for _, d := range deployments {
				expectHardened(t, d)
				expectWired(t, d)
				expectProbes(t, d)
				for _, e := range d.Spec.Template.Spec.Containers[0].Env {
					if strings.HasPrefix(e.Name, "ROLLCALL_") && !serves[e.Name] {
						t.Errorf("%s sets %s, which the binary does not know", d.Name, e.Name)
					}
				}
				expectTheBinaryTakes(t, d.Spec.Template.Spec.Containers[0].Args, asMounted(t, d, of[*core.ConfigMap](objects)))
			}
			expectSelections(t, objects, deployments)
			if !strings.Contains(notes, "account create") || strings.Contains(notes, "<no value>") {
				t.Errorf("notes:\n%s", notes)
			}
		})
	}
}

func TestChartLints(t *testing.T) {
	for name, text := range sets {
		if name == "everything" {
			text = strings.ReplaceAll(text, "rules: {enabled: true", "rules: {enabled: false")
		}
		for _, m := range lint.RunAll(chartDir, values(t, text), "sms").Messages {
			if m.Severity > 1 { // more than information, such as that there is no icon
				t.Errorf("%s: %s", name, m)
			}
		}
	}
}

func TestWrongValuesAreRefused(t *testing.T) {
	c := loadChart(t)
	for text, want := range map[string]string{
		`{kafka: {brokers: []}}`:                                      "brokers",
		`{kafka: {brokers: ["b1"]}}`:                                  "brokers",
		`{kafka: {sasl: {mechanism: GSSAPI}}}`:                        "mechanism",
		`{kafka: {sasl: {mechanism: PLAIN, user: u}}}`:                "secret",
		`{kafka: {sasl: {user: u}}}`:                                  "user",
		`{kafka: {tls: {enabled: true, ca: ca.crt}}}`:                 "secret",
		`{kafka: {tls: {secret: s, ca: ca.crt}}}`:                     "enabled",
		`{redis: {url: "r1:6379"}}`:                                   "url",
		`{redis: {url: "redis://u:p@r1:6379"}}`:                       "url",
		`{redis: {tls: {secret: s, ca: ca.crt}}}`:                     "url",
		`{redis: {url: "rediss://r1:6379", tls: {ca: ca.crt}}}`:       "secret",
		`{operatorToken: {secret: ""}}`:                               "secret",
		`{operatorToken: {secret: null}}`:                             "secret",
		`{ingress: {enabled: true}}`:                                  "host",
		`{api: {replica: 3}}`:                                         "replica",
		`{api: {replicas: "3"}}`:                                      "replicas",
		`{api: {replicas: -1}}`:                                       "replicas",
		`{env: {ROLLCALL_MAX_STREAMS: 5}}`:                            "ROLLCALL_MAX_STREAMS",
		`{env: {ROLLCALL_OPERATOR_TOKEN: secret}}`:                    "ROLLCALL_OPERATOR_TOKEN",
		`{env: {ROLLCALL_LISTEN: "0.0.0.0:80"}}`:                      "ROLLCALL_LISTEN",
		`{monitoring: {podMonitor: {enabled: true, interval: "15"}}}`: "interval",
	} {
		if _, err := render(t, c, values(t, text)); err == nil || !strings.Contains(err.Error(), "schema") || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want something of %q", text, err, want)
		}
	}
	for name, text := range sets {
		if _, err := render(t, c, values(t, strings.ReplaceAll(text, "rules: {enabled: true", "rules: {enabled: false"))); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Every value that the chart has by default is in the schema, and what the schema
// keeps from env are flags that there are.
func TestSchemaKnowsFlags(t *testing.T) {
	var schema struct {
		Properties struct {
			Env struct {
				PropertyNames struct {
					Not struct{ Enum []string }
				}
			}
		}
	}
	text, err := os.ReadFile(filepath.Join(chartDir, "values.schema.json"))
	must(t, err)
	must(t, yaml.Unmarshal(text, &schema))
	kept := schema.Properties.Env.PropertyNames.Not.Enum
	if len(kept) == 0 {
		t.Fatal("nothing is kept from env")
	}
	serves := variables(t, "serve")
	for _, name := range kept {
		if !serves[name] {
			t.Errorf("%s is no flag", name)
		}
	}
}

func expectHardened(t *testing.T, d *apps.Deployment) {
	t.Helper()
	pod := d.Spec.Template.Spec
	p, c := pod.SecurityContext, pod.Containers[0].SecurityContext
	if !*p.RunAsNonRoot || *p.RunAsUser != 65532 || p.SeccompProfile.Type != core.SeccompProfileTypeRuntimeDefault ||
		*c.AllowPrivilegeEscalation || !*c.ReadOnlyRootFilesystem || len(c.Capabilities.Drop) != 1 || c.Capabilities.Drop[0] != "ALL" ||
		*pod.AutomountServiceAccountToken || *pod.EnableServiceLinks {
		t.Errorf("%s: %+v %+v", d.Name, p, c)
	}
	for _, e := range pod.Containers[0].Env {
		if e.ValueFrom != nil || strings.HasSuffix(e.Name, "_TOKEN") || strings.HasSuffix(e.Name, "_PASSWORD") {
			t.Errorf("%s: %s is a secret in the environment", d.Name, e.Name)
		}
	}
}

// expectWired expects that mounts have volumes, and volumes mounts.
func expectWired(t *testing.T, d *apps.Deployment) {
	t.Helper()
	pod := d.Spec.Template.Spec
	volumes := map[string]int{}
	for _, v := range pod.Volumes {
		volumes[v.Name]++
	}
	for _, m := range pod.Containers[0].VolumeMounts {
		if volumes[m.Name] != 1 || !m.ReadOnly {
			t.Errorf("%s: mount %+v", d.Name, m)
		}
		delete(volumes, m.Name)
	}
	if len(volumes) > 0 {
		t.Errorf("%s: nothing mounts %v", d.Name, volumes)
	}
}

// expectProbes expects that only traffic goes by readiness, that a pod is never
// killed for what a restart can't mend, and that it has the time to drain.
func expectProbes(t *testing.T, d *apps.Deployment) {
	t.Helper()
	pod := d.Spec.Template.Spec
	c := pod.Containers[0]
	for name, probe := range map[string]*core.Probe{"startup": c.StartupProbe, "liveness": c.LivenessProbe, "readiness": c.ReadinessProbe} {
		want := "/healthz"
		if name == "readiness" {
			want = "/readyz"
		}
		if probe.HTTPGet.Path != want || containerPort(c, probe.HTTPGet.Port.String()) != 8081 {
			t.Errorf("%s: %s asks %+v", d.Name, name, probe.HTTPGet)
		}
	}
	sleep := int64(0)
	if c.Lifecycle != nil {
		sleep = c.Lifecycle.PreStop.Sleep.Seconds
	}
	if *pod.TerminationGracePeriodSeconds < sleep+10 {
		t.Errorf("%s: %d s of grace, %d s of drain", d.Name, *pod.TerminationGracePeriodSeconds, sleep)
	}
}

func containerPort(c core.Container, name string) int32 {
	for _, p := range c.Ports {
		if p.Name == name {
			return p.ContainerPort
		}
	}
	return 0
}

// expectSelections expects that whatever selects pods, or names their ports,
// means some of the chart's.
func expectSelections(t *testing.T, objects []runtime.Object, deployments []*apps.Deployment) {
	t.Helper()
	expect := func(what string, selector map[string]string, pods int, ports ...string) {
		t.Helper()
		found := 0
		for _, d := range deployments {
			if !labels.SelectorFromSet(selector).Matches(labels.Set(d.Spec.Template.Labels)) {
				continue
			}
			found++
			for _, port := range ports {
				if containerPort(d.Spec.Template.Spec.Containers[0], port) == 0 {
					t.Errorf("%s: %s has no port %s", what, d.Name, port)
				}
			}
		}
		if found != pods {
			t.Errorf("%s selects %d deployments by %v, want %d", what, found, selector, pods)
		}
	}
	for _, d := range deployments {
		expect(d.Name, d.Spec.Selector.MatchLabels, 1)
		for _, s := range d.Spec.Template.Spec.TopologySpreadConstraints {
			expect(d.Name+"'s spread", s.LabelSelector.MatchLabels, 1)
		}
	}
	services := map[string]*core.Service{}
	for _, s := range of[*core.Service](objects) {
		services[s.Name] = s
		expect("Service "+s.Name, s.Spec.Selector, 1, s.Spec.Ports[0].TargetPort.String())
	}
	if len(services) != 2 || services["rollcall"].Spec.PublishNotReadyAddresses || !services["rollcall-operator"].Spec.PublishNotReadyAddresses {
		t.Errorf("services: %v", services)
	}
	for _, p := range of[*policy.PodDisruptionBudget](objects) {
		expect("budget "+p.Name, p.Spec.Selector.MatchLabels, 1)
	}
	for _, i := range of[*networking.Ingress](objects) {
		backend := i.Spec.Rules[0].HTTP.Paths[0].Backend.Service
		if s := services[backend.Name]; s == nil || s.Spec.Ports[0].Name != backend.Port.Name {
			t.Errorf("Ingress to %+v", backend)
		}
	}
	for _, p := range of[*networking.NetworkPolicy](objects) {
		expect("NetworkPolicy", p.Spec.PodSelector.MatchLabels, 2, p.Spec.Ingress[1].Ports[0].Port.String())
	}
	for _, m := range of[*monitoring.PodMonitor](objects) {
		expect("PodMonitor", m.Spec.Selector.MatchLabels, 2, *m.Spec.PodMetricsEndpoints[0].Port)
	}
}

// asMounted is the environment of a container, with the files that are mounted
// there in a folder of the test.
func asMounted(t *testing.T, d *apps.Deployment, maps []*core.ConfigMap) map[string]string {
	t.Helper()
	root, c := t.TempDir(), d.Spec.Template.Spec.Containers[0]
	for i, v := range d.Spec.Template.Spec.Volumes {
		dir := filepath.Join(root, d.Spec.Template.Spec.Containers[0].VolumeMounts[i].MountPath)
		must(t, os.MkdirAll(dir, 0o700))
		contents := map[string]string{}
		switch {
		case v.ConfigMap != nil:
			for _, m := range maps {
				if m.Name == v.ConfigMap.Name {
					contents = m.Data
				}
			}
		case len(v.Secret.Items) > 0:
			contents[v.Secret.Items[0].Path] = "secret"
		default:
			contents["tls.crt"], contents["tls.key"] = certificate(t)
			contents["ca.crt"] = contents["tls.crt"]
		}
		for name, content := range contents {
			must(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
		}
	}
	env := map[string]string{}
	for _, e := range c.Env {
		env[e.Name] = strings.Replace(e.Value, "/etc/rollcall", filepath.Join(root, "etc/rollcall"), 1)
	}
	return env
}

// certificate is one that has signed itself.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	must(t, err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	must(t, err)
	encode := func(kind string, b []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}))
	}
	return encode("CERTIFICATE", der), encode("PRIVATE KEY", keyDER)
}
