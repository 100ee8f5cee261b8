package demo

import (
	"strings"
	"testing"
)

func TestNextIsAboutThisServer(t *testing.T) {
	for api, exported := range map[string]bool{usual: false, "127.0.0.1:18080": true} {
		said := next(api, "127.0.0.1:19092")
		if strings.Contains(said, "export ROLLCALL_SERVER=http://"+api+"\n") != exported ||
			!strings.Contains(said, "curl -N http://"+api+"/v1/sizes") || !strings.Contains(said, "kcat -P -b 127.0.0.1:19092 ") {
			t.Errorf("at %s: %s", api, said)
		}
	}
}
