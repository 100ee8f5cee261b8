package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"rollcall/consumers"
	"rollcall/integration/servers"
)

// TestPage has Chromium do on the page what is written in web/e2e. The server is
// a process of its own, which the tests there stop, start and write to by asking
// this one.
func TestPage(t *testing.T) {
	dir, err := filepath.Abs("../web")
	must(t, err)
	playwright, chromium := servers.Playwright(t, dir), servers.Chromium(t)
	s := &stage{t: t, listen: servers.Address(t), data: t.TempDir(), orders: make(chan func())}
	s.start()
	control := httptest.NewServer(s.control())
	defer control.Close()

	var said bytes.Buffer
	cmd := exec.CommandContext(t.Context(), playwright, "test")
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &said, &said
	cmd.Env = append(cleanEnvironment(), "CHROMIUM="+chromium, "SERVER="+s.p.url, "CONTROL="+control.URL, "TOKEN="+operatorToken)
	cmd.WaitDelay = 10 * time.Second
	must(t, cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		select {
		case order := <-s.orders:
			order()
		case err := <-ended:
			if t.Log(said.String()); err != nil {
				t.Errorf("playwright: %v", err)
			}
			return
		}
	}
}

// stage is the server under test, and what the browser's side may do with it.
// Orders are carried out by the test's own goroutine.
type stage struct {
	t      *testing.T
	listen string
	data   string
	p      *process
	kafka  string
	orders chan func()
}

var announcedKafka = regexp.MustCompile(`Kafka at (\S+),`)

func (s *stage) start() {
	s.p = start(s.t, "--listen", s.listen, "--embedded", "--embedded-kafka", "127.0.0.1:0", "--data-dir", s.data).ready()
	s.kafka = announcedKafka.FindStringSubmatch(s.p.output())[1]
}

// control takes orders by HTTP.
func (s *stage) control() http.Handler {
	mux := http.NewServeMux()
	on := func(pattern string, do func(*json.Decoder) error) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			done := make(chan error, 1)
			select {
			case s.orders <- func() { defer close(done); done <- do(json.NewDecoder(r.Body)) }:
			case <-r.Context().Done():
				return
			}
			if err := <-done; err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
			}
		})
	}
	on("POST /cut", func(*json.Decoder) error { s.p.kill(); return nil })
	on("POST /start", func(*json.Decoder) error { s.start(); return nil })
	on("POST /records", s.write)
	return mux
}

// write writes records to Kafka, as a producer would.
func (s *stage) write(from *json.Decoder) error {
	var records []struct {
		Topic, Key string
		Value      json.RawMessage
	}
	if err := from.Decode(&records); err != nil {
		return fmt.Errorf("records: %w", err)
	}
	client, err := consumers.Open(consumers.Config{Brokers: []string{s.kafka}, ClientID: "rollcall-tests"})
	if err != nil {
		return err
	}
	defer client.Close()
	var messages []consumers.Message
	for _, r := range records {
		messages = append(messages, consumers.Message{Topic: r.Topic, Partition: -1, Key: []byte(r.Key), Value: r.Value})
	}
	_, err = client.Producer(consumers.ProducerConfig{}).Write(s.t.Context(), messages)
	return err
}
