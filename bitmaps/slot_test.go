package bitmaps

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/redis/go-redis/v9"
)

// slotOf is the Redis Cluster slot of a key: CRC-16 (XMODEM) of its hash tag.
func slotOf(key string) uint16 {
	if _, tag, ok := strings.Cut(key, "{"); ok {
		if tag, _, ok := strings.Cut(tag, "}"); ok && tag != "" {
			key = tag
		}
	}
	return crc16(key) % 16384
}

func crc16(s string) (crc uint16) {
	for i := range len(s) {
		crc ^= uint16(s[i]) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	return crc
}

func TestSlotOf(t *testing.T) {
	if got := crc16("123456789"); got != 0x31c3 { // the check value of the Redis Cluster specification
		t.Errorf("%#x", got)
	}
	for key, same := range map[string]string{"a:{p7}:log": "p7", "{p7}": "p7", "{}a": "{}a", "x{a}{b}": "a"} {
		if want := crc16(same) % 16384; slotOf(key) != want {
			t.Errorf("%s is in slot %d, not %d", key, slotOf(key), want)
		}
	}
}

// slotHook sees the keys of every command.
type slotHook struct {
	mu      sync.Mutex
	seen    map[uint16]bool
	crossed []string
}

func (h *slotHook) DialHook(next redis.DialHook) redis.DialHook { return next }

func (h *slotHook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next // the store has none
}

func (h *slotHook) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		h.note(cmd)
		return next(ctx, cmd)
	}
}

func (h *slotHook) note(cmd redis.Cmder) {
	h.mu.Lock()
	defer h.mu.Unlock()
	slots := map[uint16]bool{}
	for _, key := range keysOf(cmd.Args()) {
		slots[slotOf(key)], h.seen[slotOf(key)] = true, true
	}
	if len(slots) > 1 {
		h.crossed = append(h.crossed, cmd.Name())
	}
}

// keysOf are the keys of a command: of one that is not known here its first
// argument.
func keysOf(args []any) (keys []string) {
	switch cmd := strings.ToLower(fmt.Sprint(args[0])); cmd {
	case "hello", "client": // go-redis' own, on a new connection
	case "eval", "evalsha":
		for _, key := range args[3 : 3+args[2].(int)] {
			keys = append(keys, fmt.Sprint(key))
		}
	case "xread":
		for i, arg := range args {
			if arg == "streams" {
				for _, key := range args[i+1 : i+1+(len(args)-i-1)/2] {
					keys = append(keys, fmt.Sprint(key))
				}
			}
		}
	case "del":
		for _, key := range args[1:] {
			keys = append(keys, fmt.Sprint(key))
		}
	default:
		keys = append(keys, fmt.Sprint(args[1]))
	}
	return keys
}

var errCut = errors.New("cut off")

// cutHook lets some commands through and fails the others.
type cutHook struct{ after int }

func (h *cutHook) DialHook(next redis.DialHook) redis.DialHook { return next }

func (h *cutHook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func (h *cutHook) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if len(keysOf(cmd.Args())) > 0 {
			if h.after--; h.after < 0 {
				return errCut
			}
		}
		return next(ctx, cmd)
	}
}
