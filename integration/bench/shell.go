package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
)

// shell is a client program that reads statements and writes their answers: psql,
// or Python with chdb.
type shell struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
	errors bytes.Buffer
	// encode is a statement as the program reads it, after which it is to write endMark.
	encode func(statement string) string
}

const endMark = "--end--"

func startShell(cmd *exec.Cmd, encode func(string) string) (s *shell, err error) {
	s = &shell{cmd: cmd, encode: encode}
	cmd.Stderr = &s.errors
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if s.in, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	s.out = bufio.NewReader(out)
	return s, cmd.Start()
}

// ask returns what a statement is answered.
func (s *shell) ask(statement string) (string, error) {
	if _, err := io.WriteString(s.in, s.encode(statement)+"\n"); err != nil {
		return "", s.failed(statement, err)
	}
	var lines []string
	for {
		line, err := s.out.ReadString('\n')
		if err != nil {
			return "", s.failed(statement, err)
		}
		if line = strings.TrimSpace(line); line == endMark {
			return strings.TrimSpace(strings.Join(lines, "\n")), nil
		}
		lines = append(lines, line)
	}
}

// run asks statements whose answers don't matter.
func (s *shell) run(statements ...string) error {
	for _, statement := range statements {
		if _, err := s.ask(statement); err != nil {
			return err
		}
	}
	return nil
}

// failed is why the program ended, as it does after the first error.
func (s *shell) failed(statement string, err error) error {
	_ = s.cmd.Wait() // it says why on its standard error
	return fmt.Errorf("%.200s: %w: %s", statement, err, bytes.TrimSpace(s.errors.Bytes()))
}

// close ends the program.
func (s *shell) close() error {
	err := s.in.Close()
	if s.cmd.ProcessState == nil {
		err = errors.Join(err, s.cmd.Wait())
	}
	return err
}
