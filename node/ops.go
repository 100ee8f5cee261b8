package node

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"rollcall/api"
)

// opsWait bounds a request for a probe or the metrics, from its first byte to
// the last of its answer.
const opsWait = 30 * time.Second

// serveOps answers the probes until ctx ends.
func (n *Node) serveOps(ctx context.Context) error {
	server := &http.Server{Handler: api.Probes(n.Missing, n.registry), ReadTimeout: opsWait, WriteTimeout: opsWait, IdleTimeout: 2 * time.Minute}
	defer context.AfterFunc(ctx, func() { _ = server.Close() })()
	if err := server.Serve(n.ops); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve on %s: %w", n.ops.Addr(), err)
	}
	return nil
}
