package engine

import (
	"errors"
	"net"
	"net/http"
	"testing"

	"servery/engine/api"
)

func TestATakenPortCanBeTriedAgainAndAnotherBeChosen(t *testing.T) {
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	taken := other.Addr().String()
	e, err := Open(t.Context(), Options{DataDir: t.TempDir(), Listen: taken, Worker: []string{"none"}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := e.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if err := e.Listen(taken); !errors.Is(err, net.ErrClosed) {
			t.Errorf("a closed engine listened: %v", err)
		}
	}()
	var inUse *api.PortInUseError
	if err := e.ListenError(); !errors.As(err, &inUse) || e.Address() != "" {
		t.Fatalf("on a taken port: %v, address %q", err, e.Address())
	}
	if err := e.Listen(taken); !errors.As(err, &inUse) {
		t.Errorf("tried again while it is taken: %v", err)
	}
	other.Close()
	if err := e.Listen(taken); err != nil || e.ListenError() != nil || e.Address() != "http://"+taken {
		t.Fatalf("tried again when it is free: %v, address %q", err, e.Address())
	}
	if err := e.Listen("127.0.0.1:0"); err != nil || e.Address() != "http://"+taken {
		t.Errorf("listening moved: %v, address %q", err, e.Address())
	}
	answer, err := http.Get(e.Address() + "/api/2.0/serving-endpoints")
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusUnauthorized {
		t.Errorf("status %d without a token", answer.StatusCode)
	}
}
