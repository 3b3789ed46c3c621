package secret

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"

	"github.com/zalando/go-keyring"
)

func TestTheSystemsKeyringGivesBackWhatItWasGiven(t *testing.T) {
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere") // never reached: the library's own stand-in answers
	keyring.MockInit()
	s := newSystemKeyring()
	if _, err := s.Get(t.Context(), "a"); !errors.Is(err, ErrNoEntry) {
		t.Errorf("an entry that is not there: %v", err)
	}
	if err := s.Set(t.Context(), "a", "text"); err != nil {
		t.Fatal(err)
	}
	if text, err := s.Get(t.Context(), "a"); err != nil || text != "text" {
		t.Errorf("%q, %v", text, err)
	}
}

func TestWithoutASessionBusThereIsNoKeyring(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux reaches its keyring over a bus")
	}
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "")
	if sessionBus() {
		t.Skip("this user's session has a bus")
	}
	if err := newSystemKeyring().Set(t.Context(), "a", "text"); err == nil {
		t.Error("something was stored")
	}
}

// A keyring that waits for a person keeps nobody longer than they want to wait, and is
// not asked twice at once.
func TestACallThatWaitsForAPersonCanBeGivenUp(t *testing.T) {
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere")
	synctest.Test(t, func(t *testing.T) {
		s := newSystemKeyring()
		person, calls := make(chan struct{}), 0
		ask := func() error { calls++; <-person; return nil }
		first, cancel := context.WithCancel(t.Context())
		var got error
		go func() { got = s.call(first, ask) }()
		synctest.Wait()
		cancel()
		synctest.Wait()
		if !errors.Is(got, context.Canceled) {
			t.Errorf("given up: %v", got)
		}
		second, cancel := context.WithCancel(t.Context())
		defer cancel()
		done := false
		go func() { got, done = s.call(second, ask), true }()
		synctest.Wait()
		if calls != 1 || done {
			t.Errorf("asked %d times at once", calls)
		}
		close(person)
		synctest.Wait()
		if calls != 2 || !done || got != nil {
			t.Errorf("asked %d times, %v", calls, got)
		}
	})
}
