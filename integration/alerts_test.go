package integration

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"rollcall/consumers"
	"rollcall/integration/proxy"
	"rollcall/integration/servers"
)

var healthy = flag.Duration("healthy", 20*time.Second, "how long TestAlerts expects silence under load, before it does damage")

const (
	rulesFile  = "../deploy/prometheus/rules.yaml"
	dashboards = "../deploy/grafana/*.json"
)

// hurry is by how much the rules' durations are shortened.
const hurry = 20

var minutes = regexp.MustCompile(`\b(\d+)m\b`)

// hurried are the alert rules with all durations shortened.
func hurried(rules string) string {
	return minutes.ReplaceAllStringFunc(rules, func(text string) string {
		n, _ := strconv.Atoi(strings.TrimSuffix(text, "m"))
		return fmt.Sprintf("%ds", n*60/hurry)
	})
}

// watchtower is a Prometheus that looks at rollcall's processes.
type watchtower struct {
	t    *testing.T
	addr string

	mu    sync.Mutex
	fired map[string]bool // ever
}

func newWatchtower(t *testing.T, targets ...string) *watchtower {
	t.Helper()
	rules, err := os.ReadFile(rulesFile)
	must(t, err)
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "rules.yaml"), []byte(hurried(string(rules))), 0o600))
	config := fmt.Sprintf(`global: {scrape_interval: 500ms, scrape_timeout: 400ms, evaluation_interval: 500ms}
rule_files: [rules.yaml]
scrape_configs: [{job_name: rollcall, static_configs: [{targets: [%s]}]}]
`, strings.Join(targets, ", "))
	must(t, os.WriteFile(filepath.Join(dir, "prometheus.yml"), []byte(config), 0o600))
	return &watchtower{t: t, addr: servers.StartPrometheus(t, filepath.Join(dir, "prometheus.yml")).Addr, fired: map[string]bool{}}
}

// query asks Prometheus, and decodes the data of its answer.
func (w *watchtower) query(path string, query url.Values, data any) error {
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, "http://"+w.addr+path+"?"+query.Encode(), nil)
	must(w.t, err)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	var answer struct {
		Status, Error string
		Data          json.RawMessage
	}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		return err
	}
	if answer.Status != "success" {
		return fmt.Errorf("%s %s: %s", path, query, answer.Error)
	}
	return json.Unmarshal(answer.Data, data)
}

// firing are the names of the alerts that fire.
func (w *watchtower) firing() (names []string) {
	w.t.Helper()
	var data struct {
		Alerts []struct {
			State  string
			Labels map[string]string
		}
	}
	must(w.t, w.query("/api/v1/alerts", nil, &data))
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, a := range data.Alerts {
		if name := a.Labels["alertname"]; a.State == "firing" && !slices.Contains(names, name) {
			names, w.fired[name] = append(names, name), true
		}
	}
	slices.Sort(names)
	return names
}

// expect waits until the alerts fire, others may too, while do is done again and
// again.
func (w *watchtower) expect(why string, do func(), alerts ...string) {
	w.t.Helper()
	began := time.Now()
	eventually(w.t, time.Minute, why+": alerts fire", func() error {
		if do != nil {
			do()
		}
		now := w.firing()
		for _, a := range alerts {
			if !slices.Contains(now, a) {
				return fmt.Errorf("%s does not fire, only %v do", a, now)
			}
		}
		return nil
	})
	w.t.Logf("%s: %v after %v", why, alerts, time.Since(began).Round(100*time.Millisecond))
}

// silent waits until no alert fires, and expects that to last.
func (w *watchtower) silent(why string, patience, lasting time.Duration, do func()) {
	w.t.Helper()
	eventually(w.t, patience, why+": silence", func() error {
		do()
		if now := w.firing(); len(now) > 0 {
			return fmt.Errorf("%v fire", now)
		}
		return nil
	})
	for end := time.Now().Add(lasting); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		do()
		if now := w.firing(); len(now) > 0 {
			w.t.Errorf("%s: %v fire", why, now)
			return
		}
	}
}

// TestAlerts does to two processes what each alert is for, with a Prometheus
// that has the rules with shortened durations. Before that all is silent under
// load, and what the dashboards ask for is there.
func TestAlerts(t *testing.T) {
	takesLong(t)
	c := newCluster(t)
	between, err := proxy.New(c.redis.Addr, 1)
	must(t, err)
	t.Cleanup(func() { _ = between.Close() })
	ops, answering := servers.Address(t), servers.Address(t)
	servePipeline := func() *process {
		return start(t, slices.Concat(notScrubbing, []string{
			"--roles", "pipeline", "--brokers", c.kafka.Addr(), "--redis", "redis://" + between.Addr(), "--ops-listen", ops,
		})...)
	}
	serveAPI := func() *process {
		return start(t, "--roles", "api", "--brokers", c.kafka.Addr(), "--redis", "redis://"+c.redis.Addr, "--listen", answering,
			"--max-staleness", "2s", "--size-metrics", "acme")
	}
	p, asked := servePipeline(), serveAPI()
	asked.ready()
	c.fill(asked, "acme", 100)
	w := newWatchtower(t, ops, answering)
	n := 0
	work := func() {
		n++
		contact := fmt.Sprintf("c-%d", n%100)
		c.put("sms.clicked", "acme/"+contact, fmt.Sprintf(`{"account":"acme","contact":%q,"message":"m","id":"%d"}`, contact, n))
		for range 3 {
			_, _, _ = tryAsk(t, asked, "acme", "POST", "/v1/segments/in/check", map[string]any{"contacts": []string{contact}})
		}
	}

	w.silent("under load", 30*time.Second, *healthy, work)
	expectMetricsExist(t, []*process{p, asked})
	w.expectDashboardsAnswer()

	c.put("sms.clicked", "acme/c-1", "garbage")
	w.expect("a record that can't be read", nil, "RollcallDeadLetters")

	p.kill()
	c.backlog("acme", 11_000)
	w.expect("the pipeline is gone", work, "RollcallDown", "RollcallUnowned", "RollcallStale", "RollcallLag", "RollcallRequestsFail")
	p = servePipeline()
	w.silent("the pipeline is back", 90*time.Second, 0, work)

	between.Delay(700 * time.Millisecond)
	w.expect("Redis is slow", work, "RollcallCommitsSlow")
	between.Heal()
	must(t, c.redis.Kill())
	w.expect("Redis is gone", nil, "RollcallRedisErrors", "RollcallPartitionFails", "RollcallStale")
	must(t, c.redis.Restart())
	w.silent("Redis is back, empty", 90*time.Second, 0, work)

	must(t, c.kafka.Brokers[0].Kill())
	w.expect("Kafka is gone", nil, "RollcallKafkaErrors", "RollcallStale")
	must(t, c.kafka.Brokers[0].Restart())
	w.silent("Kafka is back", 90*time.Second, 0, work)

	p.kill()
	tp := consumers.TopicPartition{Topic: "sms.opted_out", Partition: consumers.Partition([]byte("acme/c-0"), 8)}
	c.put(tp.Topic, "acme/c-0", consentRecord("acme", "c-0", time.Now()))
	c.deleteRecords(tp, c.end(tp))
	servePipeline()
	w.expect("Kafka lost an opt-out", nil, "RollcallDataLost")

	for _, alert := range alertNames(t) {
		if !w.fired[alert] {
			t.Errorf("%s was never seen to fire", alert)
		}
	}
}

// backlog writes clicks of one contact.
func (c *cluster) backlog(account string, records int) {
	c.t.Helper()
	var lines bytes.Buffer
	for i := range records {
		lines.WriteString(line(account+"/c-1", fmt.Sprintf(`{"account":%q,"contact":"c-1","message":"m","id":"backlog-%d"}`, account, i)))
	}
	c.kcat("sms.clicked", &lines, likeJava...)
}

func alertNames(t *testing.T) (names []string) {
	t.Helper()
	rules, err := os.ReadFile(rulesFile)
	must(t, err)
	for _, found := range regexp.MustCompile(`- alert: (\S+)`).FindAllStringSubmatch(string(rules), -1) {
		names = append(names, found[1])
	}
	if len(names) == 0 {
		t.Fatal("there are no alerts")
	}
	return names
}

var (
	metricName = regexp.MustCompile(`\b(?:rollcall|process|go)_[a-z0-9_]+`)
	// A label is in quotes; numbers may have any digits.
	namesSomebody = regexp.MustCompile(`"[^"\n]*(c-\d|\+1212555)[^"\n]*"`)

	scraped = regexp.MustCompile(`(?m)^([a-z_0-9]+)[ {]`)
)

// expectMetricsExist scrapes the processes for every metric that a rule or a
// dashboard names.
func expectMetricsExist(t *testing.T, of []*process) {
	t.Helper()
	have := map[string]bool{}
	for _, p := range of {
		code, body := ask(t, p, "", "GET", "/metrics", nil)
		if code != 200 {
			t.Fatalf("metrics are answered %d", code)
		}
		for _, found := range scraped.FindAllSubmatch(body, -1) {
			have[string(found[1])] = true
		}
		if namesSomebody.Match(body) {
			t.Error("the metrics name a contact or a phone")
		}
	}
	files, err := filepath.Glob(dashboards)
	must(t, err)
	for _, file := range append(files, rulesFile) {
		text, err := os.ReadFile(file)
		must(t, err)
		for _, name := range metricName.FindAllString(string(text), -1) {
			if !have[name] {
				t.Errorf("%s has %s, which no process shows", file, name)
			}
		}
	}
}

// expectDashboardsAnswer asks Prometheus what every panel asks.
func (w *watchtower) expectDashboardsAnswer() {
	w.t.Helper()
	files, err := filepath.Glob(dashboards)
	must(w.t, err)
	if len(files) != 2 {
		w.t.Fatalf("there are the dashboards %v", files)
	}
	fill := strings.NewReplacer("$__rate_interval", "5s", `"$account"`, `"acme"`, `"$segment"`, `".*"`, " offset 1d", "")
	for _, file := range files {
		for title, exprs := range panels(w.t, file) {
			for _, expr := range exprs {
				var data struct{ Result []json.RawMessage }
				if err := w.query("/api/v1/query", url.Values{"query": {fill.Replace(expr)}}, &data); err != nil {
					w.t.Errorf("%s, %s: %v", file, title, err)
				} else if len(data.Result) == 0 {
					w.t.Errorf("%s, %s: nothing answers %s", file, title, expr)
				}
			}
		}
	}
}

// panels are the queries of a dashboard, by the panels' titles.
func panels(t *testing.T, file string) map[string][]string {
	t.Helper()
	text, err := os.ReadFile(file)
	must(t, err)
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	must(t, json.Unmarshal(text, &dashboard))
	all := map[string][]string{}
	for _, p := range dashboard.Panels {
		for _, target := range p.Targets {
			all[p.Title] = append(all[p.Title], target.Expr)
		}
	}
	return all
}

// TestAlertRules runs the rules' own tests, and looks whether each alert has a
// place in the runbook.
func TestAlertRules(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), servers.Promtool(t), "test", "rules", "rules_test.yaml")
	cmd.Dir = "../deploy/prometheus"
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("promtool: %v\n%s", err, out)
	}
	tests, err := os.ReadFile("../deploy/prometheus/rules_test.yaml")
	must(t, err)
	rules, err := os.ReadFile(rulesFile)
	must(t, err)
	runbook, err := os.ReadFile("../docs/operating.md")
	must(t, err)
	headings := map[string]bool{}
	for _, found := range regexp.MustCompile(`(?m)^#+ (\S+)$`).FindAllSubmatch(runbook, -1) {
		headings[string(found[1])] = true
	}
	for _, name := range alertNames(t) {
		if !strings.Contains(string(tests), "alertname: "+name+"\n") {
			t.Errorf("rules_test.yaml has no test of %s", name)
		}
		if !headings[name] || !strings.Contains(string(rules), "docs/operating.md#"+strings.ToLower(name)+"\n") {
			t.Errorf("docs/operating.md has no section %s, or the rule does not name it", name)
		}
		delete(headings, name)
	}
	for _, left := range slices.Sorted(maps.Keys(headings)) {
		if strings.HasPrefix(left, "Rollcall") {
			t.Errorf("docs/operating.md has a section %s, and there is no such alert", left)
		}
	}
}
