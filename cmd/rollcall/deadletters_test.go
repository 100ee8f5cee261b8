package main

import (
	"fmt"
	"testing"
)

// What is to be retried is named, and not taken from an account that is set for
// other commands.
func TestRetryBody(t *testing.T) {
	tests := []struct {
		cmd     lettersRetryCmd
		account string
		want    string
	}{
		{lettersRetryCmd{IDs: []string{"3-7"}}, "acme", "map[ids:[3-7]]"},
		{lettersRetryCmd{Reason: "bad-time"}, "", "map[reason:bad-time]"},
		{lettersRetryCmd{Topic: "lists"}, "acme", "map[account:acme topic:lists]"},
		{lettersRetryCmd{All: true}, "acme", "map[account:acme all:true]"},
		{lettersRetryCmd{}, "acme", "map[]"},
	}
	for _, tt := range tests {
		if got := fmt.Sprint(tt.cmd.body(tt.account)); got != tt.want {
			t.Errorf("%+v with account %q: %s", tt.cmd, tt.account, got)
		}
	}
}
