package integration

import (
	"bufio"
	"bytes"
	"io"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"sync"

	"rollcall/generate"
)

// delimiter separates key and value in what kcat reads. It is a control
// character, which occurs in neither.
const delimiter = "\x1f"

// likeJava makes kcat choose partitions as Java's client does. Without it kcat
// chooses by CRC32, which is elsewhere for most keys.
var likeJava = []string{"-X", "partitioner=murmur2_random"}

// kcat writes records to a topic: lines of key, delimiter and value. With -Z an
// empty value is none, which makes a tombstone.
func (c *cluster) kcat(topic string, lines io.Reader, args ...string) {
	c.t.Helper()
	if err := c.tryKcat(topic, lines, args...); err != "" {
		c.t.Fatalf("kcat to %s: %s", topic, err)
	}
}

func (c *cluster) tryKcat(topic string, lines io.Reader, args ...string) (problem string) {
	return c.runKcat(lines, append([]string{"-P", "-b", c.kafka.Addr(), "-t", topic, "-K", delimiter}, args...))
}

func (c *cluster) runKcat(stdin io.Reader, args []string) (problem string) {
	cmd := exec.CommandContext(c.t.Context(), c.kcatPath, args...)
	cmd.Stdin = stdin
	out, err := cmd.CombinedOutput()
	if err != nil || bytes.Contains(out, []byte("failed")) {
		return string(out) + ": exit " + cmd.ProcessState.String()
	}
	return ""
}

// line is a record as kcat reads it.
func line(key, value string) string { return key + delimiter + value + "\n" }

// put writes one record.
func (c *cluster) put(topic, key, value string) {
	c.t.Helper()
	c.kcat(topic, bytes.NewBufferString(line(key, value)), append([]string{"-Z"}, likeJava...)...)
}

// writeFiles puts records into a file for each topic, as kcat reads them, and
// returns the files by topic and how many records there are.
func writeFiles(dir string, all iter.Seq[generate.Record]) (files map[string]string, n int, err error) {
	files = map[string]string{}
	open := map[string]*bufio.Writer{}
	var closing []*os.File
	for r := range all {
		w := open[r.Topic]
		if w == nil {
			f, err := os.Create(filepath.Join(dir, r.Topic))
			if err != nil {
				return nil, 0, err
			}
			w = bufio.NewWriterSize(f, 1<<20)
			open[r.Topic], files[r.Topic], closing = w, f.Name(), append(closing, f)
		}
		w.Write(r.Key)
		w.WriteString(delimiter)
		w.Write(r.Value)
		w.WriteByte('\n')
		n++
	}
	for _, w := range open {
		if err := w.Flush(); err != nil {
			return nil, 0, err
		}
	}
	for _, f := range closing {
		if err := f.Close(); err != nil {
			return nil, 0, err
		}
	}
	return files, n, nil
}

// kcatFiles pipes a file into each topic, all at once, as independent producers
// would.
func (c *cluster) kcatFiles(files map[string]string, args ...string) {
	c.t.Helper()
	var wg sync.WaitGroup
	for topic, path := range files {
		wg.Go(func() {
			f, err := os.Open(path)
			if err != nil {
				c.t.Error(err)
				return
			}
			defer f.Close()
			if problem := c.tryKcat(topic, f, args...); problem != "" {
				c.t.Errorf("kcat to %s: %s", topic, problem)
			}
		})
	}
	wg.Wait()
	if c.t.Failed() {
		c.t.FailNow()
	}
}
