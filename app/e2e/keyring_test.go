//go:build linux

package e2e

import (
	"bufio"
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// keyring is a desktop's session: a message bus of its own with GNOME's keyring on it.
type keyring struct {
	env    []string
	daemon *exec.Cmd
}

// openKeyring starts both in a home of their own and unlocks the keyring.
func openKeyring(t *testing.T, home string) *keyring {
	t.Helper()
	runtime := filepath.Join(home, "run")
	if err := os.MkdirAll(runtime, 0o700); err != nil {
		t.Fatal(err)
	}
	background := func(cmd *exec.Cmd) *exec.Cmd {
		if err := cmd.Start(); err != nil {
			t.Fatalf("%v (make test-deps installs it)", err)
		}
		t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
		return cmd
	}
	bus := exec.Command("dbus-daemon", "--session", "--print-address", "--nofork")
	out, err := bus.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	background(bus)
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("dbus-daemon tells no address: %v", err)
	}
	k := &keyring{env: environment(home, "XDG_RUNTIME_DIR="+runtime, "DBUS_SESSION_BUS_ADDRESS="+strings.TrimSpace(address))}
	k.daemon = exec.Command("gnome-keyring-daemon", "--foreground", "--unlock", "--components=secrets")
	k.daemon.Env, k.daemon.Stdin = k.env, strings.NewReader("password")
	background(k.daemon)
	for end := time.Now().Add(patience); ; {
		ask := exec.Command("dbus-send", "--session", "--print-reply", "--dest=org.freedesktop.DBus", "/", "org.freedesktop.DBus.NameHasOwner", "string:org.freedesktop.secrets")
		ask.Env = k.env
		told, err := ask.CombinedOutput()
		if strings.Contains(string(told), "true") {
			return k
		}
		if time.Now().After(end) {
			t.Fatalf("the keyring does not come up: %v\n%s", err, told)
		}
	}
}

// The key of the secrets lies in the desktop's keyring, where there is one, and nothing in the
// data folder opens them without it.
func TestTheKeyOfTheSecretsLiesInTheKeyring(t *testing.T) {
	dir := t.TempDir()
	k := openKeyring(t, dir)
	data := filepath.Join(dir, "servery")
	secret := func(p *program) (value string, status int, err error) {
		var got struct{ Value, Message string }
		status, err = p.call("GET", "/api/2.0/secrets/get?scope=s&key=k", nil, &got)
		value = got.Message
		if status == 200 {
			b, _ := base64.StdEncoding.DecodeString(got.Value)
			value = string(b)
		}
		return value, status, err
	}

	p := serveIn(t, k.env, data)
	p.must("POST", "/api/2.0/secrets/scopes/create", map[string]string{"scope": "s"}, nil)
	p.must("POST", "/api/2.0/secrets/put", map[string]string{"scope": "s", "key": "k", "string_value": "sesame"}, nil)
	p.stop()
	if _, err := os.Stat(filepath.Join(data, "secrets.key")); !os.IsNotExist(err) {
		t.Errorf("the key lies in a file: %v", err)
	}

	p = serveIn(t, k.env, data)
	if value, status, err := secret(p); value != "sesame" {
		t.Errorf("after a start: %q, status %d, %v", value, status, err)
	}
	p.stop()

	k.daemon.Process.Kill()
	k.daemon.Wait()
	p = serveIn(t, k.env, data)
	began := time.Now()
	value, status, err := secret(p)
	if status == 200 || !strings.Contains(value, "keyring") || time.Since(began) > patience/2 {
		t.Errorf("without the keyring, after %v: %q, status %d, %v", time.Since(began), value, status, err)
	}
	p.stop()
}
