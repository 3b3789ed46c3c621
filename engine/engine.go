// Package engine is Servery without its window: it opens a data folder, wires the parts
// below it and offers what the window and the REST server call. It decides nothing
// itself: rules live in the parts. It knows neither Fyne nor a page.
package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"servery/engine/access"
	"servery/engine/api"
	"servery/engine/endpoint"
	"servery/engine/gateway"
	"servery/engine/gateway/inference"
	"servery/engine/gateway/usage"
	"servery/engine/hardware"
	"servery/engine/registry"
	"servery/engine/runtime/ortlib"
	"servery/engine/runtime/worker"
	"servery/engine/secret"
	"servery/engine/store"
	"servery/engine/telemetry"
	"servery/engine/trace"
)

// Options say what to open and how.
type Options struct {
	// DataDir is the data folder; it is made where it is absent. "" is DefaultDataDir.
	DataDir string
	// Listen is a loopback address for the REST server, "127.0.0.1:8642"; "" is none.
	Listen string
	// Library is the path of ONNX Runtime's shared library; "" looks for it.
	Library string
	// Version is this program's, for /api/2.0/servery/status.
	Version string
	// Worker is the command line that starts a worker process. Nil is this program's own
	// executable with the argument "worker".
	Worker []string
	// GPUs is the command line of the process that tells which GPUs there are, see package
	// inventory. Nil is this program's own executable with the argument "gpus" where it has
	// CUDA in it and Worker is nil too; empty asks nobody.
	GPUs []string
	// Scaling is set before anything starts, for good; what is nil stays as it was.
	Scaling endpoint.ScalingChange
	// Keyring holds the key that secrets are encrypted under. Nil is the operating system's.
	Keyring secret.Keyring
	// Seed makes the random choice among the routes of endpoints repeatable; 0 takes another
	// one each time.
	Seed uint64
	// RowsQuota is how many bytes of disk the rows of requests may take, store.DefaultQuota
	// where it is 0.
	RowsQuota int64
	// Log takes what the engine has to say. Nil discards it.
	Log *slog.Logger
}

// Engine is an open data folder with its endpoints running. All methods may be called
// from many goroutines at once.
type Engine struct {
	options   Options
	db        *store.DB
	access    *access.Access
	secrets   *secret.Vault
	token     string
	registry  *registry.Registry
	telemetry *telemetry.Telemetry
	changes   *telemetry.Hub
	hardware  *hardware.Reader
	gpus      *hardware.GPUWatch
	launcher  *worker.Launcher
	endpoints *endpoint.Service
	gateway   *gateway.Gateway
	traces    *trace.Exporter // nil where nobody asked for traces
	rows      *store.Rows
	tables    *inference.Tables
	usage     *usage.Tracker
	served    *usage.Entities

	listening listening

	life context.Context // ends when Close begins
	end  context.CancelFunc
}

// Open opens a data folder and starts what is stored in it. It fails where the folder
// cannot be used: *store.InUseError, *store.NewerSchemaError, *store.CorruptError and
// the system's errors. A port that is taken and a missing ONNX Runtime are no failures of
// Open: see ListenError and RuntimeStatus.
func Open(ctx context.Context, options Options) (_ *Engine, err error) {
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	if options.DataDir == "" {
		if options.DataDir, err = DefaultDataDir(); err != nil {
			return nil, err
		}
	}
	if options.DataDir, err = filepath.Abs(options.DataDir); err != nil {
		return nil, err
	}
	e := &Engine{options: options}
	e.life, e.end = context.WithCancel(context.WithoutCancel(ctx))
	defer func() {
		if err != nil {
			e.Close(context.WithoutCancel(ctx))
		}
	}()
	if err := e.openState(ctx); err != nil {
		return nil, err
	}
	if err := e.openServing(ctx); err != nil {
		return nil, err
	}
	if options.Listen != "" {
		_ = e.Listen(options.Listen) // ListenError tells
	}
	return e, nil
}

// openState opens what is stored: it starts no process and no server.
func (e *Engine) openState(ctx context.Context) error {
	folder, err := openFolder(ctx, e.options.DataDir, e.options.Log)
	if err != nil {
		return err
	}
	e.db, e.access, e.registry, e.token = folder.db, folder.access, folder.Registry, folder.token
	return nil
}

// openServing starts the endpoints.
func (e *Engine) openServing(ctx context.Context) error {
	var err error
	e.secrets, err = secret.Open(secret.Options{
		Table:   e.db.Table("secret"),
		KeyFile: filepath.Join(e.options.DataDir, "secrets.key"),
		Keyring: e.options.Keyring,
		Log:     e.options.Log,
	})
	if err != nil {
		return err
	}
	e.hardware = hardware.Start(e.options.DataDir, time.Second)
	e.changes = telemetry.NewHub()
	if err := e.watchGPUs(); err != nil {
		return err
	}
	e.telemetry = telemetry.New(time.Now, e.db.Table("event"), e.db.Table("figure"))
	command := e.options.Worker
	if command == nil {
		self, err := ownFile()
		if err != nil {
			return err
		}
		command = []string{self, "worker"}
	}
	machine := e.hardware.Snapshot()
	e.launcher = worker.New(worker.Options{
		Executable:  command,
		Library:     e.library,
		MemoryTotal: machine.MemoryTotal,
		Log:         e.options.Log,
	})
	if _, err := e.library(); err == nil {
		e.launcher.Warm()
	}
	e.endpoints, err = endpoint.Open(ctx, endpoint.Options{
		Table:       e.db.Table("endpoint"),
		History:     e.db.Table("version"),
		Models:      e.registry,
		Launcher:    e.launcher,
		Telemetry:   e.telemetry,
		Changes:     e.changes,
		Secrets:     resolver{e},
		Settings:    e.db.Table("setting"),
		Scaling:     e.options.Scaling,
		Runtime:     e.currentLibrary,
		Cores:       machine.Cores,
		MemoryBytes: machine.MemoryTotal,
		GPUs:        e.gpus.Wait,
		Seed:        e.options.Seed,
	})
	if err != nil {
		return err
	}
	e.openRows()
	e.openUsage()
	e.gateway = gateway.New(gateway.Options{
		Endpoints: e.endpoints,
		Groups:    e.access,
		Telemetry: e.telemetry,
		Changes:   e.changes,
		Owner:     e.access.Owner,
		Explain:   api.ExplainScoring,
		Consumers: []gateway.Consumer{e.usage, e.tables},
	})
	e.startTraces()
	e.keepStoredGrants(ctx)
	e.registry.SetUses(e.endpoints.Uses)
	e.registry.Subscribe(func(name string) {
		e.changes.Publish(telemetry.Change{Kind: telemetry.ModelChanged, Name: name})
	})
	return nil
}

// startTraces exports traces where the environment names a collector. A setting that cannot
// be followed is said in the log and is no reason not to serve.
func (e *Engine) startTraces() {
	config, err := trace.FromEnvironment(os.LookupEnv)
	switch {
	case err != nil:
		e.options.Log.Error("traces are not sent", "error", err)
	case config != nil:
		e.options.Log.Info("traces of scoring requests are sent", "collector", config.String())
		e.traces = trace.Start(*config, e.options.Version, e.options.Log)
	}
}

// ownFile is the path of this program, to start its subcommands from.
func ownFile() (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("cannot find this program's own file to start processes from: %w", err)
	}
	return self, nil
}

// library is the path of ONNX Runtime's shared library, or a *runtime.MissingError. It is
// looked for anew each time, so that it can be put in place while the engine runs.
func (e *Engine) library() (string, error) {
	return ortlib.Find(e.options.Library, e.options.DataDir)
}

// currentLibrary tells one library from another that is put in its place. Where there was
// none at the start, no worker process is kept ready yet.
func (e *Engine) currentLibrary() (string, error) {
	path, err := e.library()
	if err != nil {
		return "", err
	}
	e.launcher.Warm()
	return ortlib.Fingerprint(path)
}

// lastTraces is for how long the end of Servery waits for a collector.
const lastTraces = 2 * time.Second

// Close lets requests in flight finish until ctx ends, ends all worker processes and
// closes the data folder. Nothing that was acknowledged is lost.
func (e *Engine) Close(ctx context.Context) error {
	e.end()
	var errs []error
	errs = append(errs, e.closeServer(ctx))
	if e.traces != nil {
		patience, cancel := context.WithTimeout(ctx, lastTraces)
		e.traces.Close(patience)
		cancel()
	}
	if e.endpoints != nil {
		errs = append(errs, e.endpoints.Close(ctx))
	}
	if e.launcher != nil {
		errs = append(errs, e.launcher.Close(ctx))
	}
	if e.gpus != nil {
		e.gpus.Close()
	}
	if e.hardware != nil {
		e.hardware.Close()
	}
	if e.tables != nil {
		e.tables.Close()
	}
	if e.usage != nil {
		e.usage.Close()
	}
	if e.rows != nil {
		e.closeRows()
	}
	if e.telemetry != nil {
		errs = append(errs, e.telemetry.Close()) // the last events, before their database goes
	}
	if e.db != nil {
		errs = append(errs, e.db.Close())
	}
	return errors.Join(errs...)
}
