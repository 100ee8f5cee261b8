package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestReady(t *testing.T) {
	b := newBench(t)
	b.expect("ready\n", "ready")
	answer := `{"ready":false,"missing":["sms.sent/3","partition 4"]}`
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/readyz" {
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprint(w, answer)
		}
	}))
	b.url = server.URL + "/"
	b.expectError("not ready: sms.sent/3, partition 4", "ready")
	answer = "<html>"
	b.expectError("not what was expected", "ready")
	server.Close()
	b.expectError("refused", "ready")
}

// A process without the API says how it is all the same, and nothing else.
func TestProbesOfThePipeline(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	out, in := io.Pipe()
	ended := make(chan int, 1)
	var errs strings.Builder
	go func() {
		code := run(ctx, []string{"serve", "--embedded", "--embedded-kafka", "127.0.0.1:0", "--data-dir", t.TempDir(),
			"--roles", "pipeline", "--ops-listen", "127.0.0.1:0"}, in, &errs)
		in.Close()
		ended <- code
	}()
	url := ""
	for lines := bufio.NewScanner(out); url == "" && lines.Scan(); {
		_, url, _ = strings.Cut(lines.Text(), "Probes and metrics at ")
	}
	go io.Copy(io.Discard, out)
	for path, want := range map[string]string{
		"/healthz": "200 ok", "/readyz": `200 {"missing":`, "/metrics": "200 # HELP go_", "/v1/status": "404 ", "/": "404 ",
	} {
		response, err := http.Get(url + path)
		if err != nil {
			t.Fatalf("%v\n%s", err, errs.String())
		}
		body, _ := io.ReadAll(response.Body)
		response.Body.Close()
		if got := fmt.Sprint(response.StatusCode, " ", string(body)); !strings.HasPrefix(got, want) {
			t.Errorf("%s is answered %.200s, want %s", path, got, want)
		} else if strings.Contains(got, "rollcall_fresh") {
			t.Errorf("%s speaks of answers: %s", path, got)
		}
	}
	stop()
	select {
	case code := <-ended:
		if code != 0 {
			t.Errorf("exit %d: %s", code, errs.String())
		}
	case <-time.After(10 * time.Second):
		t.Error("it does not end")
	}
}
