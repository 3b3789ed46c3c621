package secret

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"

	"github.com/zalando/go-keyring"
)

// ErrNoEntry tells that a keyring was reached and has no such entry.
var ErrNoEntry = errors.New("the keyring has no such entry")

// Keyring keeps short texts for this user. A call may wait for the person to unlock it; it
// returns when ctx ends.
type Keyring interface {
	Get(ctx context.Context, account string) (string, error)
	Set(ctx context.Context, account, text string) error
}

const service = "Servery"

// systemKeyring is the operating system's: Secret Service on Linux, Keychain on macOS,
// Credential Manager on Windows.
type systemKeyring struct {
	busy chan struct{} // holds one while a call runs, which cannot be cut short
}

func newSystemKeyring() *systemKeyring { return &systemKeyring{make(chan struct{}, 1)} }

func (s *systemKeyring) Get(ctx context.Context, account string) (text string, err error) {
	err = s.call(ctx, func() (err error) {
		text, err = keyring.Get(service, account)
		if errors.Is(err, keyring.ErrNotFound) {
			return ErrNoEntry
		}
		return err
	})
	if err != nil {
		return "", err // text may be written yet
	}
	return text, nil
}

func (s *systemKeyring) Set(ctx context.Context, account, text string) error {
	return s.call(ctx, func() error { return keyring.Set(service, account, text) })
}

// call runs one call at a time and waits for it until ctx ends. A call that waits for a
// person goes on then, on its own goroutine, and the next waits for it: there is never
// more than one.
func (s *systemKeyring) call(ctx context.Context, fn func() error) error {
	if runtime.GOOS == "linux" && !sessionBus() {
		return errors.New("there is no session bus, and so no keyring")
	}
	select {
	case s.busy <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	done := make(chan error, 1)
	go func() {
		defer func() { <-s.busy }()
		done <- fn()
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// sessionBus tells whether a session bus is there. Without one the library would start one
// of its own, which outlives this process and has no keyring.
func sessionBus() bool {
	if address := os.Getenv("DBUS_SESSION_BUS_ADDRESS"); address != "" && address != "autolaunch:" {
		return true
	}
	for _, name := range []string{"bus", "dbus-session"} {
		if _, err := os.Stat(fmt.Sprintf("/run/user/%d/%s", os.Getuid(), name)); err == nil {
			return true
		}
	}
	return false
}
