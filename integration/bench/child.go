package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"time"

	"rollcall/bitmaps"
)

// task is what a child process is to do. Each measurement has a process of its
// own, so that its CPU time and allocations are nobody else's.
type task struct {
	Role        string // of roles
	Kafka       string // bootstrap addresses
	Redis       string // address; empty: nothing is stored
	Definitions definitions
	Spans       spans
	Batch       int    // records of a batch at most; 0: as many as the product takes
	Settle      bool   // fold the whole changelog into fragments
	Answers     bool   // tell the members that Redis holds afterwards
	Publish     bool   // write membership changes to Kafka too
	Profile     string // file for a CPU profile; empty: none
	Seconds     int    // of each kind of latency
	People      int    // of an audience
	Rate        int    // records a second, around midnight and of latency
	Cores       int    // that may be used; 0: all
}

// outcome is what a child process says of it.
type outcome struct {
	Begun    bool // the measurement has begun; what came of it follows
	Records  int64
	Used     usage
	Redis    redisUse // since the measurement began
	Outcomes [bitmaps.Outcomes]int64
	Answers  map[string]string // by segment: how many members, and a hash over their ids
	Latency  *latencies
	Asking   *askingResult
	Wrong    []string // answers that are not right
	Midnight *midnightOutcome
}

// add counts what became of a task's records.
func (o *outcome) add(outcomes [bitmaps.Outcomes]int64) {
	for i, n := range outcomes {
		o.Outcomes[i] += n
	}
}

// The roles of child processes.
var roles = map[string]func(context.Context, *task) (*outcome, error){
	"stock":      readStock,
	"stock-json": readStock,
	"stock-fold": foldStock,
	"franz":      readFranz,
	"raw":        readRaw,
	"fold":       foldTasks,
	"naive":      recompute,
	"published":  foldPublished,
	"latency":    measureLatency,
	"midnight":   turnMidnight,
	"asking":     measureAsking,
	"sizes":      measureSizes,
}

// childArg as first argument makes a child process of this program.
const childArg = "child"

// childTimeout ends a child that hangs.
const childTimeout = 30 * time.Minute

// spawn runs t in a child process. begun, if not nil, is called when what is
// measured begins.
func spawn(ctx context.Context, t task, begun func()) (*outcome, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	in, err := json.Marshal(t)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self, childArg)
	cmd.Stdin, cmd.Stderr = bytes.NewReader(in), os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return nil, err
	}
	o, err := listen(out, begun)
	if err := errors.Join(cmd.Wait(), err); err != nil {
		return nil, fmt.Errorf("%s: %w", t.Role, err)
	}
	return o, nil
}

// listen reads what a child says, up to its result.
func listen(out io.Reader, begun func()) (*outcome, error) {
	d := json.NewDecoder(out)
	for {
		var o outcome
		if err := d.Decode(&o); err != nil {
			return nil, fmt.Errorf("no result: %w", err)
		}
		if !o.Begun {
			return &o, nil
		}
		if begun != nil {
			begun()
		}
	}
}

// say tells the parent.
func say(o *outcome) error { return json.NewEncoder(os.Stdout).Encode(o) }

// serveParent is the main function of a child process.
func serveParent(ctx context.Context) error {
	in, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	var t task
	if err := json.Unmarshal(in, &t); err != nil {
		return err
	}
	if t.Cores > 0 {
		runtime.GOMAXPROCS(t.Cores)
	}
	ctx, cancel := context.WithTimeout(ctx, childTimeout)
	defer cancel()
	o, err := roles[t.Role](ctx, &t)
	if err != nil {
		return err
	}
	return say(o)
}
