package headless

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"servery/engine"
	"servery/engine/api"
	"servery/engine/endpoint"
)

// grace is how long requests in flight may take to finish after SIGTERM.
const grace = 30 * time.Second

func serve(args []string, stdout, stderr io.Writer) error {
	flags := newFlags("serve", "serve [--data-dir DIR] [--listen ADDRESS] [--token-file FILE] [--scale-to-zero-after TIME] [--timings local|databricks] [--seed N]", stdout)
	dataDir := dataDirFlag(flags)
	listen := flags.String("listen", api.DefaultAddress, "loopback address to listen on; port 0 takes a free one")
	tokenFile := flags.String("token-file", "", "file to read a token from, or to write a new one to (default: token in the data folder)")
	library := flags.String("onnxruntime", "", "path of ONNX Runtime's shared library (default: beside the program, else in the data folder)")
	seed := flags.Uint64("seed", 0, "repeat the random choice among an endpoint's routes: the same requests in the same order get the same served entities (0: another choice each time)")
	scaling := scalingFlags(flags)
	verbose := flags.Bool("verbose", false, "log every request")
	rest, err := parse(flags, args)
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return &usageError{fmt.Sprintf("serve takes no argument, but got %q", rest[0])}
	}
	if wrong := endpoint.CheckScaling(*scaling); len(wrong) > 0 {
		return &usageError{wrong[0].Message}
	}
	level := slog.LevelInfo
	if *verbose {
		level = slog.LevelDebug
	}
	log := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: level}))

	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	if !signal.Ignored(syscall.SIGHUP) { // as nohup has it
		signal.Notify(signals, syscall.SIGHUP)
	}
	// Whoever started this may close the pipe once it has read the address. Writing to it
	// would end the process at once, with the requests in flight; so the write fails instead.
	broken := make(chan os.Signal, 1)
	signal.Notify(broken, syscall.SIGPIPE)
	defer signal.Stop(broken)
	ctx := context.Background()
	e, err := engine.Open(ctx, engine.Options{
		DataDir: *dataDir, Listen: *listen, Library: *library, Version: Version, Scaling: *scaling, Seed: *seed, Log: log,
	})
	if err != nil {
		return err
	}
	if err := e.ListenError(); err != nil {
		e.Close(ctx)
		var taken *api.PortInUseError
		if errors.As(err, &taken) {
			return fmt.Errorf("%w: stop it, or choose another port with --listen 127.0.0.1:PORT (0 takes a free one)", err)
		}
		return err
	}
	if _, err := e.RuntimeStatus(); err != nil {
		log.Warn("models cannot be served yet", "reason", err.Error())
	}
	where := filepath.Join(e.DataDir(), "token")
	if *tokenFile != "" {
		if _, err := e.TokenFile(ctx, *tokenFile); err != nil {
			e.Close(ctx)
			return err
		}
		where = *tokenFile
	}
	fmt.Fprintf(stdout, "The token is in %s\n", where)
	fmt.Fprintf(stdout, "Servery is listening on %s\n", e.Address())

	<-signals
	fmt.Fprintln(stdout, "Finishing what is in flight. Press Ctrl+C again to stop at once.")
	closing, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	go func() {
		select {
		case <-signals:
			cancel()
		case <-closing.Done():
		}
	}()
	return e.Close(closing)
}

// scalingFlags change what is set in the data folder where they are given.
func scalingFlags(flags *flag.FlagSet) *endpoint.ScalingChange {
	change := &endpoint.ScalingChange{}
	flags.Func("scale-to-zero-after", "`time` without a request before an endpoint scales to zero, 10s to 24h, kept in the data folder (default 30m)", func(text string) error {
		idle, err := time.ParseDuration(text)
		if err != nil {
			return errors.New("give a time as in 90s, 5m or 1h")
		}
		change.ScaleToZeroAfter = &idle
		return nil
	})
	flags.Func("timings", "local, or databricks: endpoints start and scale as slowly as there; kept in the data folder (default local)", func(text string) error {
		timings := endpoint.Timings(text)
		change.Timings = &timings
		return nil
	})
	return change
}
