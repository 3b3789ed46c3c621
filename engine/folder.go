package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"

	"servery/engine/access"
	"servery/engine/atomicfile"
	"servery/engine/registry"
	"servery/engine/store"
)

// A data folder holds:
//
//	state/        Badger: endpoints, models, tokens, events
//	rows/         Badger: rows of requests
//	models/       the artifacts, a folder a version
//	uploads/      models on their way in
//	lib/          ONNX Runtime's library, if it was put there
//	token         a token of the owner, for programs of the same user (0600)
//	engine.json   where the engine that runs on the folder listens (0600)

// DefaultDataDir is the folder for this user's data: $XDG_DATA_HOME/servery or
// ~/.local/share/servery on Linux, ~/Library/Application Support/Servery on macOS,
// %LocalAppData%\Servery on Windows.
func DefaultDataDir() (string, error) {
	home, err := os.UserHomeDir()
	switch runtime.GOOS {
	case "windows":
		if dir := os.Getenv("LocalAppData"); dir != "" {
			return filepath.Join(dir, "Servery"), nil
		}
	case "darwin":
		if err == nil {
			return filepath.Join(home, "Library", "Application Support", "Servery"), nil
		}
	default:
		if dir := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
			return filepath.Join(dir, "servery"), nil
		}
		if err == nil {
			return filepath.Join(home, ".local", "share", "servery"), nil
		}
	}
	return "", fmt.Errorf("there is no home folder to keep data in: give one with --data-dir: %w", err)
}

// Folder is a data folder opened without starting anything: no endpoint runs.
type Folder struct {
	Registry *registry.Registry

	db     *store.DB
	access *access.Access
	token  string
}

// OpenFolder opens a data folder on which no engine runs; *store.InUseError tells that
// one does.
func OpenFolder(ctx context.Context, dataDir string) (*Folder, error) {
	return openFolder(ctx, dataDir, slog.New(slog.DiscardHandler))
}

func openFolder(ctx context.Context, dataDir string, log *slog.Logger) (_ *Folder, err error) {
	if err := finishRestore(filepath.Clean(dataDir)); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dataDir, 0o700); err != nil {
		return nil, fmt.Errorf("cannot make the data folder: %w", err)
	}
	f := &Folder{}
	if f.db, err = store.Open(filepath.Join(dataDir, "state"), store.Options{Log: log}); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.db.Close())
		}
	}()
	if f.access, err = access.Open(f.db.Table("access")); err != nil {
		return nil, err
	}
	if f.token, err = f.access.TokenFile(ctx, filepath.Join(dataDir, "token")); err != nil {
		return nil, err
	}
	if f.Registry, err = registry.Open(f.db.Table("model"), filepath.Join(dataDir, "models")); err != nil {
		return nil, err
	}
	return f, nil
}

// Owner is the name of the folder's user, for CreatedBy.
func (f *Folder) Owner() access.User { return f.access.Owner() }

// Close closes the folder.
func (f *Folder) Close() error { return f.db.Close() }

// Running says where the engine of a data folder listens.
type Running struct {
	Address string `json:"address"` // "http://127.0.0.1:8642"
	Token   string `json:"token"`
	PID     int    `json:"pid"`
}

const runningFile = "engine.json"

// ReadRunning reads what the engine that runs on a data folder wrote. ok is false where
// there is none. An engine that was killed leaves its file behind: whoever reads it asks
// the address before trusting it.
func ReadRunning(dataDir string) (r Running, ok bool) {
	b, err := os.ReadFile(filepath.Join(dataDir, runningFile))
	if err != nil {
		return Running{}, false
	}
	if json.Unmarshal(b, &r) != nil || r.Address == "" {
		return Running{}, false
	}
	return r, true
}

func writeRunning(dataDir string, r Running) error {
	b, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return atomicfile.WriteBytes(filepath.Join(dataDir, runningFile), b)
}

func removeRunning(dataDir string) { os.Remove(filepath.Join(dataDir, runningFile)) }
