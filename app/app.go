// Package app is the desktop program: it opens the engine, makes the window and the
// pages, and carries what changed in the engine to the page that is shown. It is the only
// importer of fyne.io/fyne/v2/app and the only caller of fyne.Do; it decides nothing
// about models or endpoints.
package app

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"

	"fyne.io/fyne/v2"
	fyneapp "fyne.io/fyne/v2/app"

	"servery/app/headless"
	"servery/engine"
	"servery/engine/api"
	"servery/resources"
)

// appID names the program to the desktop and its preferences file.
const appID = "app.servery"

// grace is how long requests in flight may take to finish after the window was closed.
const grace = 10 * time.Second

// options are the command line of the window.
type options struct {
	engine engine.Options
	path   string // a model to import, or ""
}

// Main opens the window and returns the exit status when it was closed: 0, 1 for a
// failure, 2 for a command line that makes no sense.
func Main(args []string, stderr io.Writer) int {
	o, err := parse(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintln(stderr, "servery:", err)
		return 2
	}
	if runtime.GOOS == "linux" && os.Getenv("DISPLAY") == "" && os.Getenv("WAYLAND_DISPLAY") == "" {
		fmt.Fprintln(stderr, "servery: there is no screen: neither DISPLAY nor WAYLAND_DISPLAY is set. `servery serve` runs the same engine without a window.")
		return 1
	}
	o.engine.Log = slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	prepareEnvironment()
	if err := run(o); err != nil {
		fmt.Fprintln(stderr, "servery:", err)
		return 1
	}
	return 0
}

// parse reads the command line: flags, then perhaps the path of a model.
func parse(args []string, stderr io.Writer) (options, error) {
	o := options{engine: engine.Options{Version: headless.Version}}
	flags := flag.NewFlagSet("servery", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&o.engine.DataDir, "data-dir", os.Getenv("SERVERY_DATA_DIR"), "folder that holds models and endpoints (default: this user's data folder)")
	flags.StringVar(&o.engine.Listen, "listen", api.DefaultAddress, "loopback address that the REST server listens on")
	flags.StringVar(&o.engine.Library, "onnxruntime", "", "path of ONNX Runtime's shared library (default: beside the program, else in the data folder)")
	flags.Usage = func() {
		fmt.Fprint(stderr, "Usage: servery [flags] [MODEL]\n\nOpens the window; MODEL is an .onnx file or an MLflow model folder to import.\n`servery help` lists the commands that need no window.\n\n")
		flags.SetOutput(stderr)
		flags.PrintDefaults()
		flags.SetOutput(io.Discard)
	}
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	switch flags.NArg() {
	case 0:
	case 1:
		o.path = flags.Arg(0)
		if _, err := os.Stat(o.path); err != nil {
			return o, fmt.Errorf("%q is neither a command nor a model: servery help lists the commands", o.path)
		}
	default:
		return o, fmt.Errorf("one model at a time, but got %q", flags.Args())
	}
	return o, nil
}

// prepareEnvironment sets what Fyne reads when it starts. Under the locale "C" it would
// complain, and know no word of any language.
func prepareEnvironment() {
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		v := os.Getenv(name)
		if v == "" && name != "LANG" {
			continue
		}
		if language, _, _ := strings.Cut(v, "."); language == "C" || language == "POSIX" || language == "" {
			os.Setenv(name, "en_US.UTF-8")
		}
	}
}

// run shows the window until it is closed, then closes the engine.
func run(o options) error {
	a := fyneapp.NewWithID(appID)
	a.SetIcon(resources.AppIcon())
	sleeper := &idle{do: fyne.Do, sleep: sleepUntilEvent, wake: wakeUp}
	ui := newUIThread(sleeper.post)
	p := newProgram(a, ui, sleeper, o)

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	closed := context.AfterFunc(ctx, func() { sleeper.post(a.Quit) })
	defer closed()
	// The window comes first: opening the data folder may take longer than a frame.
	a.Lifecycle().SetOnStarted(p.open)
	if err := show(p.window); err != nil {
		return err
	}
	a.Run()
	stop() // a second Ctrl+C ends the program at once

	closing, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	return p.close(closing)
}

// show shows the window. Where the screen that the environment names does not answer, or
// has no OpenGL, Fyne panics.
func show(w fyne.Window) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("cannot open a window on this screen (%v). `servery serve` runs the same engine without one", p)
		}
	}()
	w.Show()
	return nil
}
