package main

import (
	"context"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// commitTimes is a hook that times the round trips of scripts.
type commitTimes struct {
	mu   sync.Mutex
	took []time.Duration
}

// DialHook implements redis.Hook.
func (c *commitTimes) DialHook(next redis.DialHook) redis.DialHook {
	return next
}

// ProcessPipelineHook implements redis.Hook.
func (c *commitTimes) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

// ProcessHook implements redis.Hook.
func (c *commitTimes) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		began := time.Now()
		err := next(ctx, cmd)
		if cmd.Name() == "evalsha" {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.took = append(c.took, time.Since(began))
		}
		return err
	}
}
