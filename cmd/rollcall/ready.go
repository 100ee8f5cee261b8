package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// readyWait is how long a server may take to say whether it is ready.
const readyWait = 5 * time.Second

// readyCmd asks /readyz, for those who have no HTTP client at hand: the image
// has no shell.
type readyCmd struct{}

func (readyCmd) Run(s *session) error {
	request, err := http.NewRequestWithContext(s.ctx, http.MethodGet, strings.TrimRight(s.Server, "/")+"/readyz", nil)
	if err != nil {
		return err
	}
	response, err := (&http.Client{Timeout: readyWait}).Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	var answer struct {
		Ready   bool     `json:"ready"`
		Missing []string `json:"missing"`
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return fmt.Errorf("the answer of %s is not what was expected: %w", s.Server, err)
	}
	if !answer.Ready {
		return errors.New("not ready: " + strings.Join(answer.Missing, ", "))
	}
	s.printf("ready\n")
	return nil
}
