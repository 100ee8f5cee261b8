package servers

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// clockTick is the unit of times in /proc, which is this on every Linux.
const clockTick = 10 * time.Millisecond

// CPU is the time that the server has used so far, user and system. It is not
// known of one in a container.
func (s *Server) CPU() (time.Duration, error) {
	p, ok := s.host.(*process)
	if !ok {
		return 0, fmt.Errorf("%s: it is not a process of this machine", s.name)
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.pid))
	if err != nil {
		return 0, wrap("CPU time", s.name, err)
	}
	// The name, in brackets, may contain anything; what follows is numbers.
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) < 13 {
		return 0, fmt.Errorf("CPU time of %s: %q", s.name, text)
	}
	user, err := strconv.ParseInt(fields[11], 10, 64)
	if err != nil {
		return 0, err
	}
	system, err := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * clockTick, err
}
