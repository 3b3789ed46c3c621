package engine

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"servery/engine/access"
	"servery/engine/endpoint"
	"servery/engine/secret"
)

// ring is a keyring in memory.
type ring struct{ sync.Map }

func (r *ring) Get(_ context.Context, account string) (string, error) {
	if text, ok := r.Load(account); ok {
		return text.(string), nil
	}
	return "", secret.ErrNoEntry
}

func (r *ring) Set(_ context.Context, account, text string) error {
	r.Store(account, text)
	return nil
}

// folder is an engine on a folder of its own, that can be opened again.
type folder struct {
	*Engine
	t    *testing.T
	dir  string
	ring *ring
}

func (f *folder) reopen() {
	f.t.Helper()
	if f.Engine != nil {
		if err := f.Close(context.Background()); err != nil {
			f.t.Fatal(err)
		}
	}
	var err error
	if f.Engine, err = Open(f.t.Context(), Options{DataDir: f.dir, Keyring: f.ring, Worker: []string{"false"}}); err != nil {
		f.t.Fatal(err)
	}
}

func newFolder(t *testing.T) *folder {
	f := &folder{t: t, dir: t.TempDir(), ring: &ring{}}
	f.reopen()
	t.Cleanup(func() {
		if err := f.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return f
}

func (f *folder) user(name string) (access.Principal, context.Context) {
	f.t.Helper()
	p, err := f.CreatePrincipal(f.t.Context(), access.Principal{Kind: access.KindUser, Name: name, Active: true})
	if err != nil {
		f.t.Fatal(err)
	}
	u, ok := f.access.UserOf(name)
	if !ok {
		f.t.Fatalf("%s is no user", name)
	}
	return p, access.WithUser(f.t.Context(), u)
}

func TestASecretIsResolvedWithTheRightsOfTheCreator(t *testing.T) {
	f := newFolder(t)
	const reference, canary = "{{secrets/sc/k}}", "canary-4e1"
	bob, asBob := f.user("bob@example.com")
	eve, _ := f.user("eve@example.com")
	if err := f.CreateScope(asBob, "sc", ""); err != nil {
		t.Fatal(err)
	}
	if err := f.PutSecret(asBob, "sc", "k", []byte(canary)); err != nil {
		t.Fatal(err)
	}
	resolves := func(user, want string) {
		t.Helper()
		value, err := resolver{f.Engine}.Resolve(t.Context(), user, reference)
		if want == canary && (err != nil || value != canary) || want != canary && (err == nil || value != "" || !strings.Contains(err.Error(), want)) {
			t.Errorf("for %s: %q, %v; want %s", user, value, err, want)
		}
	}
	for range 2 {
		resolves(bob.Name, canary)
		resolves(f.Owner().Name, canary) // an administrator
		resolves(eve.Name, "Scope 'sc' does not exist, or you have no permission on it.")
		resolves("nobody@example.com", "is no user any more")
		f.reopen()
	}
	if err := f.SetSecretACL(access.WithUser(t.Context(), f.Owner()), "sc", eve.ID, secret.Read); err != nil {
		t.Fatal(err)
	}
	resolves(eve.Name, canary)
	if err := f.RemovePrincipal(t.Context(), access.KindUser, eve.ID); err != nil {
		t.Fatal(err)
	}
	resolves(eve.Name, "is no user any more")
	if again, _ := f.user(eve.Name); again.ID != eve.ID {
		t.Errorf("eve came back as %s", again.ID)
	}
	resolves(eve.Name, "you have no permission")

	if err := f.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(f.dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if content, err := os.ReadFile(path); err == nil && strings.Contains(string(content), canary) {
			t.Errorf("the value stands in %s", path)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	f.Engine = nil
	f.reopen()
}

func TestThePermissionsOnAnEndpointGoWithIt(t *testing.T) {
	f := newFolder(t)
	bob, _ := f.user("bob@example.com")
	grant := func() string {
		t.Helper()
		e, err := f.CreateEndpoint(t.Context(), endpoint.Spec{Name: "e"})
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Grant(t.Context(), e.ID, map[string]access.Level{bob.ID: access.CanQuery}, true); err != nil {
			t.Fatal(err)
		}
		if found, err := f.EndpointByID(e.ID); err != nil || found.Name != "e" {
			t.Errorf("by id: %+v, %v", found, err)
		}
		return e.ID
	}
	id := grant()
	f.reopen()
	if len(f.Grants(id)) != 1 {
		t.Error("a start forgot what was granted")
	}
	if err := f.DeleteEndpoint(t.Context(), "e"); err != nil {
		t.Fatal(err)
	}
	if len(f.Grants(id)) != 0 {
		t.Error("a deletion forgot nothing")
	}
	// One that was cut short between the two is mended by the next start.
	id = grant()
	if err := f.endpoints.Delete(t.Context(), "e"); err != nil {
		t.Fatal(err)
	}
	f.reopen()
	if len(f.Grants(id)) != 0 {
		t.Error("a start keeps what was granted on an endpoint that is gone")
	}
}
