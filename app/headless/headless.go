// Package headless is Servery's command line: everything the program does without a
// window. It knows the engine and no Fyne, so that it runs where there is no screen.
package headless

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"

	"servery/engine/runtime/cuda/inventory"
	"servery/engine/runtime/worker"
)

// Version is the program's, as in FyneApp.toml; a test compares them.
const Version = "0.1.0"

const usage = `Servery puts Databricks Model Serving on your own machine.

  servery                         open the window
  servery serve                   the same engine without a window
  servery models import PATH      add an .onnx file or an MLflow model folder
  servery models list             list the models
  servery tables list             list the inference tables
  servery tables export NAME      write one as CSV, JSON Lines or Parquet
  servery backup FILE             write everything into one file, also while Servery runs
  servery restore FILE            make the data folder of a backup
  servery doctor                  tell what was found on this machine and what models can run on
  servery version                 print the version

Each takes --help. The window and all commands take --data-dir DIR.
`

// commands are the first arguments that need no window. Two are for the engine's own use:
// "worker" serves one model to the process that started it, "gpus" tells it which GPUs there are.
var commands = []string{"serve", "models", "tables", "backup", "restore", "doctor", "version", "worker", "gpus", "help", "-h", "-help", "--help", "--version"}

// Handles tells whether the command line asks for something without a window.
func Handles(args []string) bool { return len(args) > 0 && slices.Contains(commands, args[0]) }

// Main runs a command line that Handles accepted and returns the exit status: 0 for
// success, 1 for a failure, 2 for a command line that makes no sense.
func Main(args []string, stdout, stderr io.Writer) int {
	switch args[0] {
	case "worker":
		return worker.Main(args[1:])
	case "gpus":
		return inventory.Main(args[1:], os.Stdin, stdout, stderr)
	case "version", "--version":
		fmt.Fprintln(stdout, "servery", Version)
		return 0
	case "serve":
		return status(serve(args[1:], stdout, stderr), stderr)
	case "tables":
		return status(tables(args[1:], stdout), stderr)
	case "models":
		return status(models(args[1:], stdout, stderr), stderr)
	case "backup":
		return status(backUp(args[1:], stdout, stderr), stderr)
	case "doctor":
		return status(doctor(args[1:], stdout), stderr)
	case "restore":
		return status(restore(args[1:], stdout, stderr), stderr)
	}
	fmt.Fprint(stdout, usage)
	return 0
}

// usageError is a command line that makes no sense.
type usageError struct{ message string }

func (e *usageError) Error() string { return e.message }

// errShown ends a command whose message has been written already.
var errShown = errors.New("shown")

// status writes an error and makes an exit status of it.
func status(err error, stderr io.Writer) int {
	var misused *usageError
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, errShown):
		return 1
	case errors.As(err, &misused):
		fmt.Fprintln(stderr, "servery:", err)
		return 2
	}
	fmt.Fprintln(stderr, "servery:", err)
	return 1
}

// parse reads flags that may stand before, between and after the arguments, and returns
// the arguments.
func parse(flags *flag.FlagSet, args []string) ([]string, error) {
	var rest []string
	for {
		if err := flags.Parse(args); err != nil {
			if errors.Is(err, flag.ErrHelp) {
				return nil, err
			}
			return nil, &usageError{err.Error()}
		}
		if flags.NArg() == 0 {
			return rest, nil
		}
		rest = append(rest, flags.Arg(0))
		args = flags.Args()[1:]
	}
}

// newFlags makes a flag set whose help goes to stdout and whose errors are returned.
func newFlags(name, synopsis string, stdout io.Writer) *flag.FlagSet {
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.Usage = func() {
		fmt.Fprintf(stdout, "Usage: servery %s\n\n", synopsis)
		flags.SetOutput(stdout)
		flags.PrintDefaults()
		flags.SetOutput(io.Discard)
	}
	return flags
}

// dataDirFlag adds --data-dir; SERVERY_DATA_DIR is its default.
func dataDirFlag(flags *flag.FlagSet) *string {
	return flags.String("data-dir", os.Getenv("SERVERY_DATA_DIR"), "folder that holds models and endpoints (default: this user's data folder)")
}
