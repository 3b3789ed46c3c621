package secret

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"servery/engine/tabletest"
)

// ring is a Keyring in memory; fail, where set, is the answer of every call.
type ring struct {
	mu      sync.Mutex
	entries map[string]string
	calls   int
	fail    error
}

func (r *ring) Get(_ context.Context, account string) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls++
	if text, ok := r.entries[account]; ok && r.fail == nil {
		return text, nil
	}
	return "", errors.Join(r.fail, map[bool]error{true: ErrNoEntry}[r.fail == nil])
}

func (r *ring) Set(_ context.Context, account, text string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls++
	if r.fail == nil {
		r.entries[account] = text
	}
	return r.fail
}

// house is an open vault with all that it stands on.
type house struct {
	*Vault
	t     testing.TB
	table *tabletest.Memory
	ring  *ring
	file  string
	log   bytes.Buffer
	now   time.Time
}

func newHouse(t testing.TB) *house {
	h := &house{t: t, table: tabletest.New(), ring: &ring{entries: map[string]string{}},
		file: filepath.Join(t.TempDir(), "secrets.key"), now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	h.reopen()
	return h
}

func (h *house) reopen() {
	h.t.Helper()
	v, err := open(Options{Table: h.table, KeyFile: h.file, Keyring: h.ring, Log: slog.New(slog.NewTextHandler(&h.log, nil))}, func() time.Time { return h.now })
	if err != nil {
		h.t.Fatal(err)
	}
	h.Vault = v
}

var (
	ann   = Caller{IDs: []string{"1", "3"}}
	bob   = Caller{IDs: []string{"2", "3"}} // 3 is a group of both
	admin = Caller{IDs: []string{"9"}, Admin: true}
)

const canary = "canary-c0ffee"

// filled has a scope of ann's with one secret.
func (h *house) filled() *house {
	h.t.Helper()
	if err := h.CreateScope(context.Background(), "sc", "1"); err != nil {
		h.t.Fatal(err)
	}
	h.put("k", canary)
	return h
}

func (h *house) put(key, value string) {
	h.t.Helper()
	if err := h.Put(context.Background(), ann, "sc", key, []byte(value)); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) wants(key, value string) {
	h.t.Helper()
	if got, err := h.Get(context.Background(), ann, "sc", key); err != nil || string(got) != value {
		h.t.Errorf("%s is %q, %v; want %q", key, got, err, value)
	}
}

func TestASecretIsReadAgainAfterEveryStart(t *testing.T) {
	h := newHouse(t).filled()
	h.put("empty", "")
	h.put("k2", "\x00\xff")
	for range 3 {
		h.wants("k", canary)
		h.wants("empty", "")
		h.wants("k2", "\x00\xff")
		all, err := h.Secrets(ann, "SC")
		want := []Secret{{"empty", h.now}, {"k", h.now}, {"k2", h.now}}
		if err != nil || !slices.EqualFunc(all, want, func(a, b Secret) bool { return a.Key == b.Key && a.Updated.Equal(b.Updated) }) {
			t.Errorf("listed %v, %v", all, err)
		}
		h.reopen()
	}
	h.now = h.now.Add(time.Hour)
	h.put("k", "next")
	h.wants("k", "next")
	if all, _ := h.Secrets(ann, "sc"); !all[1].Updated.Equal(h.now) {
		t.Errorf("listed %v", all)
	}
}

func TestNoValueStandsInTheTableOrTheLog(t *testing.T) {
	for _, fail := range []error{nil, errors.New("no keyring")} {
		h := newHouse(t)
		h.ring.fail = fail
		h.filled()
		h.wants("k", canary)
		raw := ""
		for _, text := range h.ring.entries {
			raw = text
		}
		if file, err := os.ReadFile(h.file); err == nil {
			raw = strings.TrimSpace(string(file))
		}
		if len(raw) != 2*keySize {
			t.Fatalf("the key is %q", raw)
		}
		for key, value := range h.table.Rows {
			for _, hidden := range []string{canary, raw, "Y2FuYXJ5LWMwZmZlZQ"} {
				if strings.Contains(key+string(value)+h.log.String(), hidden) {
					t.Errorf("%q stands in %s: %s", hidden, key, value)
				}
			}
		}
	}
}

func TestTheSameValueIsNeverStoredTheSameWay(t *testing.T) {
	h := newHouse(t).filled()
	seen := map[string]bool{}
	for range 50 {
		h.put("k", canary)
		var record secretRecord
		if err := json.Unmarshal(h.table.Rows["secret/sc/k"], &record); err != nil {
			t.Fatal(err)
		}
		if nonce := string(record.Sealed[:12]); seen[nonce] {
			t.Fatal("a nonce was used twice")
		} else {
			seen[nonce] = true
		}
	}
}

func TestNobodyIsAskedForTheKeyWithoutNeed(t *testing.T) {
	h := newHouse(t)
	if err := h.CreateScope(t.Context(), "sc", "1"); err != nil {
		t.Fatal(err)
	}
	h.Scopes(ann)
	h.Secrets(ann, "sc")
	h.Get(t.Context(), ann, "sc", "none")
	h.reopen()
	if h.ring.calls != 0 {
		t.Errorf("the keyring was asked %d times", h.ring.calls)
	}
	h.put("k", canary)
	asked := h.ring.calls
	h.wants("k", canary)
	if h.ring.calls != asked {
		t.Error("the keyring is asked for a key that is known")
	}
}

func TestATamperedValueIsRefused(t *testing.T) {
	h := newHouse(t).filled()
	h.put("other", "another")
	if err := h.CreateScope(t.Context(), "sc2", "1"); err != nil {
		t.Fatal(err)
	}
	good := h.table.Rows["secret/sc/k"]
	var record secretRecord
	if err := json.Unmarshal(good, &record); err != nil {
		t.Fatal(err)
	}
	damaged := func(what string) {
		t.Helper()
		var wrong *DamagedError
		if value, err := h.Get(t.Context(), ann, "sc", "k"); !errors.As(err, &wrong) || value != nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %q, %v", what, value, err)
		}
	}
	for i := range record.Sealed {
		changed := record
		changed.Sealed = bytes.Clone(record.Sealed)
		changed.Sealed[i] ^= 1
		h.table.Rows["secret/sc/k"], _ = json.Marshal(changed)
		damaged(fmt.Sprint("byte ", i))
	}
	for n := range record.Sealed {
		cut := record
		cut.Sealed = record.Sealed[:n]
		h.table.Rows["secret/sc/k"], _ = json.Marshal(cut)
		damaged(fmt.Sprint("the first ", n))
	}
	h.table.Rows["secret/sc/k"] = h.table.Rows["secret/sc/other"]
	damaged("another secret's value")
	h.table.Rows["secret/sc/k"] = []byte("{")
	damaged("no JSON")
	h.table.Rows["secret/sc/k"] = good
	h.table.Rows["secret/sc2/k"] = good
	h.reopen()
	h.wants("k", canary)
	if value, err := h.Get(t.Context(), ann, "sc2", "k"); err == nil {
		t.Errorf("a value moved to another scope opens: %q", value)
	}
}

// Whatever is written and however it is opened, only the same key, scope and name open it.
func TestAValueOpensInItsPlaceOnly(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		raw := rapid.SliceOfN(rapid.Byte(), keySize, keySize).Draw(r, "key")
		k, err := newKey(raw)
		if err != nil {
			r.Fatal(err)
		}
		name := rapid.StringMatching(`[a-z./-]{1,6}`)
		scope, key, value := name.Draw(r, "scope"), name.Draw(r, "name"), rapid.SliceOf(rapid.Byte()).Draw(r, "value")
		sealed := k.seal(scope, key, value)
		if got, err := k.unseal(scope, key, sealed); err != nil || !bytes.Equal(got, value) {
			r.Fatalf("%q, %v", got, err)
		}
		otherScope, otherKey := name.Draw(r, "other scope"), name.Draw(r, "other name")
		if _, err := k.unseal(otherScope, otherKey, sealed); (err == nil) != (otherScope == scope && otherKey == key) {
			r.Fatalf("sealed for %q %q, opened for %q %q: %v", scope, key, otherScope, otherKey, err)
		}
		raw[rapid.IntRange(0, keySize-1).Draw(r, "at")] ^= 1 << rapid.IntRange(0, 7).Draw(r, "bit")
		other, err := newKey(raw)
		if err != nil {
			r.Fatal(err)
		}
		if _, err := other.unseal(scope, key, sealed); err == nil || bytes.Equal(other.check, k.check) {
			r.Fatal("another key opens it or looks the same")
		}
	})
}

func TestAKeyThatIsGoneOrWrongIsTold(t *testing.T) {
	for _, c := range []struct {
		name   string
		file   bool // the key lies in a file
		change func(h *house)
		want   string
		lost   bool
	}{
		{"a keyring that is locked", false, func(h *house) { h.ring.fail = errors.New("locked: /home/ann") }, "cannot be reached", false},
		{"an entry that was removed", false, func(h *house) { clear(h.ring.entries) }, "no longer in the operating system's keyring", true},
		{"an entry of another key", false, func(h *house) {
			for account := range h.ring.entries {
				h.ring.entries[account] = strings.Repeat("ab", keySize)
			}
		}, "not the one", true},
		{"an entry that is no key", false, func(h *house) {
			for account := range h.ring.entries {
				h.ring.entries[account] = "hello"
			}
		}, "not the key", true},
		{"a file that was removed", true, func(h *house) { os.Remove(h.file) }, "gone from the data folder", true},
		{"a file of another key", true, func(h *house) { os.WriteFile(h.file, []byte(strings.Repeat("ab", keySize)), 0o600) }, "not the one", true},
		{"a file of something else", true, func(h *house) { os.WriteFile(h.file, []byte("hello"), 0o600) }, "does not hold the key", true},
		{"a folder", true, func(h *house) { os.Remove(h.file); os.Mkdir(h.file, 0o700) }, "does not hold the key", true},
		{"no record of it", false, func(h *house) { delete(h.table.Rows, keyKey) }, "have no key", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t)
			if c.file {
				h.ring.fail = errors.New("no keyring")
			}
			h.filled()
			c.change(h)
			h.reopen()
			_, reading := h.Get(t.Context(), ann, "sc", "k")
			writing := h.Put(t.Context(), ann, "sc", "k2", []byte("x"))
			for _, err := range []error{reading, writing} {
				var broken *KeyError
				if !errors.As(err, &broken) || broken.Lost != c.lost || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "/home/ann") {
					t.Errorf("%v", err)
				}
			}
			if !c.lost {
				h.ring.fail = nil
				h.wants("k", canary) // once it can be had again
				return
			}
			if err := h.DeleteScope(t.Context(), ann, "sc"); err != nil {
				t.Fatal(err)
			}
			if info, err := os.Stat(h.file); err == nil && c.file && (info.IsDir() || info.Size() < 64) {
				os.Remove(h.file) // as the message says
			}
			h.filled()
			h.reopen()
			h.wants("k", canary) // under a new key
		})
	}
}

func TestWithoutAKeyringTheKeyLiesInAFileThatNobodyElseReads(t *testing.T) {
	h := newHouse(t)
	h.ring.fail = errors.New("there is no session bus")
	h.filled()
	if !strings.Contains(h.log.String(), "level=WARN") || !strings.Contains(h.log.String(), "no session bus") {
		t.Errorf("the log says %q", h.log.String())
	}
	mode := func() os.FileMode {
		info, err := os.Stat(h.file)
		if err != nil {
			t.Fatal(err)
		}
		return info.Mode().Perm()
	}
	if mode() != 0o600 {
		t.Errorf("mode %v", mode())
	}
	if err := os.Chmod(h.file, 0o644); err != nil {
		t.Fatal(err)
	}
	h.log.Reset()
	h.ring.fail = nil // a keyring that comes later changes nothing
	h.reopen()
	h.wants("k", canary)
	if mode() != 0o600 || !strings.Contains(h.log.String(), "could read the key") {
		t.Errorf("mode %v, the log says %q", mode(), h.log.String())
	}
}

func TestAStartThatWasCutShortGoesOnWithItsKey(t *testing.T) {
	h := newHouse(t)
	h.ring.fail = errors.New("no keyring")
	if err := h.CreateScope(t.Context(), "sc", "1"); err != nil {
		t.Fatal(err)
	}
	full := errors.New("disk full")
	h.table.Before = tabletest.Full(full)
	if err := h.Put(t.Context(), ann, "sc", "k", []byte("x")); !errors.Is(err, full) {
		t.Fatal(err)
	}
	first, err := os.ReadFile(h.file)
	if err != nil {
		t.Fatal(err)
	}
	h.table.Before = nil
	h.reopen()
	h.put("k", canary)
	if again, err := os.ReadFile(h.file); err != nil || !bytes.Equal(first, again) {
		t.Errorf("the key is another: %v", err)
	}
	h.reopen()
	h.wants("k", canary)
}

func TestEachPermissionAllowsWhatItSays(t *testing.T) {
	ctx := t.Context()
	var denied *PermissionError
	var missing *NotFoundError
	for _, c := range []struct {
		needs Permission
		name  string
		do    func(h *house) error
	}{
		{Read, "get", func(h *house) error { _, err := h.Get(ctx, bob, "sc", "k"); return err }},
		{Read, "list", func(h *house) error { _, err := h.Secrets(bob, "sc"); return err }},
		{Read, "resolve", func(h *house) error { _, err := h.Resolve(ctx, bob, "{{secrets/sc/k}}"); return err }},
		{Write, "put", func(h *house) error { return h.Put(ctx, bob, "sc", "k", []byte("x")) }},
		{Write, "delete", func(h *house) error { return h.Delete(ctx, bob, "sc", "k") }},
		{Manage, "acl", func(h *house) error { _, err := h.ACL(bob, "sc"); return err }},
		{Manage, "set acl", func(h *house) error { return h.SetACL(ctx, bob, "sc", "7", Read) }},
		{Manage, "delete scope", func(h *house) error { return h.DeleteScope(ctx, bob, "sc") }},
	} {
		for has := None; has <= Manage; has++ {
			for _, through := range []string{"2", "3"} { // bob himself, and the group
				h := newHouse(t).filled()
				if has != None {
					if err := h.SetACL(ctx, ann, "sc", through, has); err != nil {
						t.Fatal(err)
					}
				}
				h.reopen()
				if got := len(h.Scopes(bob)); (got == 1) != (has >= Read) {
					t.Errorf("with %s bob sees %d scopes", has, got)
				}
				err := c.do(h)
				switch {
				case has >= c.needs && err != nil, has == None && !errors.As(err, &missing), has != None && has < c.needs && !errors.As(err, &denied):
					t.Errorf("%s with %s through %s: %v", c.name, has, through, err)
				}
			}
		}
	}
}

func TestAnAdministratorManagesEveryScope(t *testing.T) {
	h := newHouse(t).filled()
	if value, err := h.Get(t.Context(), admin, "sc", "k"); err != nil || string(value) != canary {
		t.Errorf("%q, %v", value, err)
	}
	if err := h.DeleteScope(t.Context(), admin, "sc"); err != nil {
		t.Error(err)
	}
	h.reopen()
	if len(h.Scopes(admin)) != 0 || !h.empty() {
		t.Error("something is left of the scope")
	}
}

func TestGrantsAreChangedListedAndForgotten(t *testing.T) {
	h := newHouse(t).filled()
	ctx := t.Context()
	var missing *NotFoundError
	for _, step := range []struct {
		principal string
		p         Permission
		want      string
	}{
		{"2", Read, "[{1 MANAGE} {2 READ}]"}, {"2", Write, "[{1 MANAGE} {2 WRITE}]"}, {"2", Write, "[{1 MANAGE} {2 WRITE}]"},
		{"3", Read, "[{1 MANAGE} {2 WRITE} {3 READ}]"}, {"3", None, "[{1 MANAGE} {2 WRITE}]"},
	} {
		if err := h.SetACL(ctx, ann, "sc", step.principal, step.p); err != nil {
			t.Fatal(err)
		}
		h.reopen()
		if all, err := h.ACL(ann, "sc"); err != nil || fmt.Sprint(all) != step.want {
			t.Errorf("%v, %v; want %s", all, err, step.want)
		}
	}
	if err := h.SetACL(ctx, ann, "sc", "3", None); !errors.As(err, &missing) {
		t.Errorf("taken away twice: %v", err)
	}
	if err := h.Forget(ctx, "2"); err != nil {
		t.Fatal(err)
	}
	h.reopen()
	if _, err := h.Get(ctx, bob, "sc", "k"); !errors.As(err, &missing) {
		t.Errorf("a forgotten principal reads: %v", err)
	}
}

func TestNamesAndBounds(t *testing.T) {
	h := newHouse(t).filled()
	ctx := t.Context()
	var name *NameError
	var full *QuotaError
	var exists *ExistsError
	for _, bad := range []string{"", "a b", "a/b", "a\x00", "ä", "{{", strings.Repeat("x", 129)} {
		if err := h.CreateScope(ctx, bad, "1"); !errors.As(err, &name) || len(err.Error()) > 400 {
			t.Errorf("scope %.20q: %v", bad, err)
		}
		if err := h.Put(ctx, ann, "sc", bad, nil); !errors.As(err, &name) {
			t.Errorf("key %.20q: %v", bad, err)
		}
	}
	if err := h.CreateScope(ctx, "SC", "2"); !errors.As(err, &exists) {
		t.Errorf("a scope's name in another case: %v", err)
	}
	if err := h.Put(ctx, ann, "sc", "big", make([]byte, maxValue)); err != nil {
		t.Error(err)
	}
	if err := h.Put(ctx, ann, "sc", "big", make([]byte, maxValue+1)); !errors.As(err, &full) {
		t.Errorf("a byte more: %v", err)
	}
	for i := range maxKeys - 2 {
		h.put(fmt.Sprint("n", i), "")
	}
	if err := h.Put(ctx, ann, "sc", "more", nil); !errors.As(err, &full) {
		t.Errorf("a key more: %v", err)
	}
	h.put("k", "an old one takes a new value")
	for i := range maxScopes - 1 {
		if err := h.CreateScope(ctx, fmt.Sprint("s", i), "1"); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.CreateScope(ctx, "more", "1"); !errors.As(err, &full) {
		t.Errorf("a scope more: %v", err)
	}
}

func TestAReferenceIsTheWholeValue(t *testing.T) {
	h := newHouse(t).filled()
	if value, err := h.Resolve(t.Context(), ann, "{{secrets/sc/k}}"); err != nil || value != canary {
		t.Errorf("%q, %v", value, err)
	}
	for reference, want := range map[string]string{
		"{{secrets/sc/none}}":  "Secret does not exist with scope 'sc' and key 'none'.",
		"{{secrets/none/k}}":   "Scope 'none' does not exist, or you have no permission on it.",
		"{{secrets/sc/k}} ":    "A reference to a secret is",
		"{{secrets/sc/k/x}}":   "A reference to a secret is",
		"{{secrets/sc}}":       "A reference to a secret is",
		"{{ secrets/sc/k }}":   "A reference to a secret is",
		"x{{secrets/sc/k}}":    "A reference to a secret is",
		"{{secrets/sc/k}}{{}}": "A reference to a secret is",
	} {
		if value, err := h.Resolve(t.Context(), ann, reference); err == nil || value != "" || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %q, %v", reference, value, err)
		}
	}
}

func FuzzReference(f *testing.F) {
	for _, seed := range []string{"{{secrets/sc/k}}", "{{secrets//}}", "{{secrets/a/b}}}}", "{{secrets/a/{{secrets/b/c}}}}", "\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		scope, key, ok := ParseReference(text)
		if ok && text != "{{secrets/"+scope+"/"+key+"}}" || !ok && scope+key != "" {
			t.Fatalf("%q is %q, %q, %t", text, scope, key, ok)
		}
	})
}

func TestDamagedRecordsAreErrors(t *testing.T) {
	for key, value := range map[string]string{"scope/sc": "{", "secret/sc/k": "{", "secret/none/k": "{}", "secret/sc": "{}"} {
		m := &tabletest.Memory{Rows: map[string][]byte{"scope/sc": []byte(`{"name":"sc"}`)}}
		m.Rows[key] = []byte(value)
		_, err := Open(Options{Table: m, Keyring: &ring{}})
		if (err == nil) != (key == "secret/sc") {
			t.Errorf("%s = %s: %v", key, value, err)
		}
	}
	m := &tabletest.Memory{Rows: map[string][]byte{"scope/sc": []byte(`{"name":"sc","acl":{"1":"OWN"}}`)}}
	if _, err := Open(Options{Table: m, Keyring: &ring{}}); err == nil {
		t.Error("an unknown permission was accepted")
	}
}

func TestWhatIsNotStoredDidNotHappen(t *testing.T) {
	h := newHouse(t).filled()
	ctx := t.Context()
	full := errors.New("disk full")
	h.table.Before = tabletest.Full(full)
	for what, err := range map[string]error{
		"create": h.CreateScope(ctx, "more", "1"), "put": h.Put(ctx, ann, "sc", "k", []byte("next")), "delete": h.Delete(ctx, ann, "sc", "k"),
		"acl": h.SetACL(ctx, ann, "sc", "2", Read), "forget": h.Forget(ctx, "1"), "delete scope": h.DeleteScope(ctx, ann, "sc"),
	} {
		if !errors.Is(err, full) {
			t.Errorf("%s: %v", what, err)
		}
	}
	h.wants("k", canary)
	if all, err := h.ACL(ann, "sc"); err != nil || len(all) != 1 || len(h.Scopes(admin)) != 1 {
		t.Errorf("%v, %v, %v", all, err, h.Scopes(admin))
	}
}

func TestManyGoroutinesUseOneVault(t *testing.T) {
	h := newHouse(t).filled()
	h.reopen() // all meet at the key
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for n := range 20 {
				key := fmt.Sprintf("k%d-%d", i, n)
				if err := h.Put(context.Background(), ann, "sc", key, []byte(key)); err != nil {
					t.Error(err)
					return
				}
				if got, err := h.Get(context.Background(), ann, "sc", key); err != nil || string(got) != key {
					t.Errorf("%q, %v", got, err)
				}
				h.Secrets(ann, "sc")
			}
		})
	}
	wg.Wait()
}
