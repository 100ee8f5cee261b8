// Command rollcall keeps audience segments for SMS current, and answers who is
// in them. It is both the server (rollcall serve) and the client of one.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // time zones must not depend on the machine

	"github.com/alecthomas/kong"
)

type cli struct {
	connection

	Serve       serveCmd       `cmd:"" help:"Run the pipeline, the API or both."`
	CheckConfig checkConfigCmd `cmd:"" help:"Connect to what serve would, change nothing, and say what is wrong and how to mend it."`
	Accounts    accountCmd     `cmd:"" name:"account" help:"Accounts (takes the operator's token)."`
	Segment     segmentCmd     `cmd:"" help:"Segments: define, show, size, list their members."`
	List        listCmd        `cmd:"" help:"Lists: sizes, and whom on a marketing list to send to."`
	Message     messageCmd     `cmd:"" help:"Messages: when and how often they were sent."`
	Report      reportCmd      `cmd:"" help:"Reports: what came of messages."`
	Snapshot    snapshotCmd    `cmd:"" help:"Frozen lists: freeze a segment's recipients, list, read and delete them."`
	Check       checkCmd       `cmd:"" help:"Are these contacts in a segment, and sendable?"`
	Tokens      tokenCmd       `cmd:"" name:"token" help:"Tokens of the account."`
	Letters     lettersCmd     `cmd:"" name:"dead-letters" help:"Records that could not be read (takes the operator's token)."`
	Import      importCmd      `cmd:"" help:"Write the rows of a CSV file as records: contacts, consent, a list."`
	Erase       eraseCmd       `cmd:"" help:"Erase a contact everywhere."`
	Generate    generateCmd    `cmd:"" help:"Write realistic records to Kafka, for demos and load."`
	Verify      verifyCmd      `cmd:"" help:"Recompute from the log what the state should be, and print what differs (takes the operator's token)."`
	Loss        lossCmd        `cmd:"" help:"What Kafka has lost (takes the operator's token)."`
	Rebuild     rebuildCmd     `cmd:"" help:"Make the state anew from the log, and compare (takes the operator's token)."`
	Replay      replayCmd      `cmd:"" help:"Apply records that stand in Kafka once more (takes the operator's token)."`
	State       stateCmd       `cmd:"" help:"Export the state to files, and import it."`
	Status      statusCmd      `cmd:"" help:"Freshness, lag, and what became of the records."`
	Ready       readyCmd       `cmd:"" help:"Is the server ready? If not, print what is missing, and exit with 1."`
	Version     versionCmd     `cmd:"" help:"Print the version."`

	Completion completionCmd `cmd:"" help:"Print a script that completes rollcall's commands in a shell: source <(rollcall completion bash)"`
	Complete   completeCmd   `cmd:"" hidden:""`
}

const about = `Live audience segments for SMS, from Kafka.

Every flag is also an environment variable: --retention-days is ROLLCALL_RETENTION_DAYS.
Those of serve can stand in a file too, which --config names.
"rollcall help COMMAND" says all about one command.`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// exitCode is 1, unless an error has one of its own.
func exitCode(err error) int {
	if coded, ok := errors.AsType[interface {
		error
		ExitCode() int
	}](err); ok {
		return coded.ExitCode()
	}
	return 1
}

// run is main without the process: it returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) > 0 && args[0] == "help" {
		args = append(args[1:len(args):len(args)], "--help")
	}
	var c cli
	exit := -1 // what kong wants to exit with, after --help
	parser := kong.Must(&c,
		kong.Name("rollcall"), kong.Description(about), kong.DefaultEnvars("ROLLCALL"), withConfigFile(),
		kong.Writers(stdout, stderr), kong.Exit(func(code int) { exit = code }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
	)
	command, err := parser.Parse(args)
	if exit >= 0 {
		return exit
	}
	if err != nil {
		fmt.Fprintf(stderr, "rollcall: %v\n", err)
		return 2
	}
	s := &session{ctx: ctx, connection: c.connection, stdout: stdout, stderr: stderr}
	if err := command.Run(s, parser); err != nil {
		complain(stderr, err)
		return exitCode(err)
	}
	return 0
}
