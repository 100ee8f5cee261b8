package embedded_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"testing"

	"github.com/segmentio/kafka-go"

	"rollcall/embedded"
)

// TestMain lets the test binary play the process that crashes.
func TestMain(m *testing.M) {
	if dir := os.Getenv("EMBEDDED_TEST_CHILD"); dir != "" {
		if err := serveUntilKilled(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

func serveUntilKilled(dir string) error {
	s, err := embedded.Start(embedded.Config{DataDir: dir, Kafka: "127.0.0.1:0"})
	if err != nil {
		return err
	}
	ctx := context.Background()
	if err := createTopic(ctx, s.Kafka()); err != nil {
		return err
	}
	for i := range 50 {
		if err := write(ctx, s.Kafka(), kafka.Message{Value: fmt.Append(nil, i)}); err != nil {
			return err
		}
	}
	fmt.Println("written")
	io.Copy(io.Discard, os.Stdin) // until the parent ends or kills us
	return nil
}

// crashed returns a data directory with 50 records whose process was killed.
func crashed(t *testing.T, beforeKill func(dir string)) (dir string) {
	t.Helper()
	dir = t.TempDir()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), "EMBEDDED_TEST_CHILD="+dir)
	child.Stderr = os.Stderr
	in, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if beforeKill != nil {
		beforeKill(dir)
	}
	child.Process.Kill()
	child.Wait()
	if line != "written\n" {
		t.Fatalf("the child printed %q, %v", line, err)
	}
	return dir
}

func TestLogOutlivesCrash(t *testing.T) {
	s := run(t, embedded.Config{DataDir: crashed(t, nil)})
	must(t, write(t.Context(), s.Kafka(), kafka.Message{Value: []byte("50")}))
	var want []string
	for i := range 51 {
		want = append(want, fmt.Sprint(i))
	}
	if got := values(read(t, s.Kafka())); !slices.Equal(got, want) {
		t.Errorf("read %v, want 0 to 50", got)
	}
}
