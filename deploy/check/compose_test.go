package check_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	compose "github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"sigs.k8s.io/yaml"
)

// project loads the Compose file with all profiles. Whatever its schema does not
// know is an error.
func project(t *testing.T) *types.Project {
	t.Helper()
	dir, err := filepath.Abs("..")
	must(t, err)
	p, err := compose.LoadWithContext(t.Context(), types.ConfigDetails{
		WorkingDir:  dir,
		ConfigFiles: []types.ConfigFile{{Filename: filepath.Join(dir, "compose.yaml")}},
		Environment: types.Mapping{},
	}, compose.WithProfiles([]string{"*"}))
	must(t, err)
	return p
}

// imageEnvironment is what the Dockerfile sets.
func imageEnvironment(t *testing.T) map[string]string {
	env := map[string]string{}
	stages := dockerfile(t)
	s := &stage{env: env, labels: map[string]string{}}
	for _, c := range stages[len(stages)-1].Commands {
		if c.Name() == "ENV" {
			s.take(t, c, "", nil, nil)
		}
	}
	return env
}

func TestCompose(t *testing.T) {
	p := project(t)
	folder := madeSecrets(t)
	var ours []string
	for name, s := range p.Services {
		for _, v := range s.Volumes {
			if v.Type == types.VolumeTypeBind {
				expectFile(t, name, v.Source)
			}
		}
		for _, secret := range s.Secrets {
			expectFile(t, name, filepath.Join(folder, filepath.Base(p.Secrets[secret.Source].File)))
		}
		if s.Build == nil {
			expectPinned(t, s.Image)
			if s.HealthCheck == nil && name != "grafana" { // whom nobody waits for
				t.Errorf("%s has no health check", name)
			}
			continue
		}
		ours = append(ours, name)
		expectFile(t, name, filepath.Join(s.Build.Context, s.Build.Dockerfile))
		for _, port := range s.Ports {
			if port.HostIP != "127.0.0.1" {
				t.Errorf("%s: port %s is open to the network", name, port.Published)
			}
		}
		if !s.ReadOnly || !slices.Contains(s.CapDrop, "ALL") || !slices.Contains(s.SecurityOpt, "no-new-privileges:true") {
			t.Errorf("%s may do more than it needs", name)
		}
	}
	if slices.Sort(ours); !slices.Equal(ours, []string{"api", "generate", "pipeline"}) {
		t.Errorf("ours are %v", ours)
	}
	if n := p.Services["pipeline"].Deploy.Replicas; *n != 2 {
		t.Errorf("%d processes of the pipeline", *n)
	}
}

// What our services set, and run, are things that the binary has.
func TestComposeMeansTheBinary(t *testing.T) {
	t.Parallel()
	folder := madeSecrets(t)
	image := imageEnvironment(t)
	for name, s := range project(t).Services {
		if s.Build == nil {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel() // the binary tries for some time to find Kafka
			args, env := []string{"serve"}, map[string]string{}
			if len(s.Command) > 0 {
				args = s.Command
			}
			known := variables(t, args[0])
			for n, value := range image {
				env[n] = value
			}
			for n, value := range s.Environment {
				if !known[n] {
					t.Errorf("%s is no variable of %s", n, args[0])
				}
				env[n] = strings.Replace(*value, "/run/secrets", folder, 1)
			}
			expectTheBinaryTakes(t, args, env)
			if s.HealthCheck == nil {
				return
			}
			asked := exec.Command(binary, s.HealthCheck.Test[2:]...)
			asked.Env = []string{"ROLLCALL_SERVER=http://" + nowhere}
			if out, err := asked.CombinedOutput(); err == nil || !strings.Contains(string(out), "refused") {
				t.Errorf("%q: %v %s", s.HealthCheck.Test, err, out)
			}
			if server := env["ROLLCALL_SERVER"]; env["ROLLCALL_ROLES"] == "pipeline" && !sameports(server, env["ROLLCALL_OPS_LISTEN"]) {
				t.Errorf("health is asked at %q, and served at %s", server, env["ROLLCALL_OPS_LISTEN"])
			}
		})
	}
}

func sameports(a, b string) bool {
	return a != "" && b != "" && a[strings.LastIndex(a, ":"):] == b[strings.LastIndex(b, ":"):]
}

// Prometheus asks processes that there are, at the port where they answer.
func TestPrometheusAsksOurs(t *testing.T) {
	var config struct {
		Global struct {
			Interval string `json:"scrape_interval"`
		} `json:"global"`
		Rules   []string `json:"rule_files"`
		Scrapes []struct {
			Job string `json:"job_name"`
			DNS []struct {
				Names   []string `json:"names"`
				Type    string   `json:"type"`
				Port    int      `json:"port"`
				Refresh string   `json:"refresh_interval"`
			} `json:"dns_sd_configs"`
		} `json:"scrape_configs"`
	}
	text, err := os.ReadFile("../prometheus/prometheus.yml")
	must(t, err)
	must(t, yaml.UnmarshalStrict(text, &config))
	services, image := project(t).Services, imageEnvironment(t)
	dns := config.Scrapes[0].DNS[0]
	for _, name := range dns.Names {
		if s, ok := services[name]; !ok || s.Build == nil || s.Environment["ROLLCALL_OPS_LISTEN"] != nil {
			t.Errorf("%s is asked, and is not one of ours that listens where the image says", name)
		}
	}
	if dns.Port != 8081 || image["ROLLCALL_OPS_LISTEN"] != "0.0.0.0:8081" {
		t.Errorf("port %d is asked, and %s served", dns.Port, image["ROLLCALL_OPS_LISTEN"])
	}
}

// What Grafana is provisioned with is where it looks, and in strict YAML.
func TestGrafanaFindsDashboards(t *testing.T) {
	var providers struct {
		APIVersion int `json:"apiVersion"`
		Providers  []struct {
			Name, Folder, Type    string
			UpdateIntervalSeconds int
			Options               struct{ Path string }
		}
	}
	text, err := os.ReadFile("../grafana/provisioning/dashboards/rollcall.yaml")
	must(t, err)
	must(t, yaml.UnmarshalStrict(text, &providers))
	mounted := map[string]string{}
	for _, v := range project(t).Services["grafana"].Volumes {
		mounted[v.Target] = filepath.Base(v.Source)
	}
	if mounted[providers.Providers[0].Options.Path] != "grafana" || mounted["/etc/grafana/provisioning"] != "provisioning" {
		t.Errorf("dashboards are looked for at %s, mounted are %v", providers.Providers[0].Options.Path, mounted)
	}
}

// madeSecrets has the script make the secrets, in a folder of the test.
func madeSecrets(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	script, err := os.ReadFile("../secrets.sh")
	must(t, err)
	file := filepath.Join(dir, "secrets.sh")
	must(t, os.WriteFile(file, script, 0o755))
	for range 2 {
		before, _ := os.ReadFile(filepath.Join(dir, "secrets/operator-token"))
		if out, err := exec.Command("sh", file).CombinedOutput(); err != nil {
			t.Fatalf("%v %s", err, out)
		}
		after, err := os.ReadFile(filepath.Join(dir, "secrets/operator-token"))
		if err != nil || len(after) != 48 || len(before) > 0 && string(before) != string(after) {
			t.Fatalf("the operator's token was %q, is %q: %v", before, after, err)
		}
	}
	info, err := os.Stat(filepath.Join(dir, "secrets"))
	must(t, err)
	if info.Mode().Perm() != 0o700 {
		t.Errorf("the secrets' folder is %v", info.Mode())
	}
	return filepath.Join(dir, "secrets")
}

func expectFile(t *testing.T, who, path string) {
	t.Helper()
	if _, err := os.Stat(path); err != nil {
		t.Errorf("%s: %v", who, err)
	}
}
