package access

import (
	"context"
	"errors"
	"os"
	"os/user"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"servery/engine/tabletest"
)

func mustOpen(t testing.TB, table Table) *Access {
	t.Helper()
	a, err := Open(table)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestTheOwnerIsMadeOnceAndStays(t *testing.T) {
	m := tabletest.New()
	first := mustOpen(t, m).Owner()
	if !regexp.MustCompile(`^[^@\s]+@localhost$`).MatchString(first.Name) || first.DisplayName == "" || first.ID == "" || !first.Admin {
		t.Errorf("the owner is %+v", first)
	}
	m.Rows[ownerKey] = []byte(`{"name":"ada@example.com","display_name":"Ada","id":"42","admin":true}`)
	want := User{Name: "ada@example.com", DisplayName: "Ada", ID: "42", Admin: true}
	if got := mustOpen(t, m).Owner(); got != want {
		t.Errorf("the stored owner is read as %+v", got)
	}
}

func TestTheOwnersNameIsAlwaysAnAddress(t *testing.T) {
	for _, c := range []struct{ login, full, name, display string }{
		{"ada", "Ada Lovelace", "ada@localhost", "Ada Lovelace"},
		{`CORP\Ada`, "", "ada@localhost", "ada"},
		{"ada", "Ada Lovelace,Room 1,,", "ada@localhost", "Ada Lovelace"},
		{"Ada Lovelace", "", "ada.lovelace@localhost", "ada.lovelace"},
		{"大輔", "", "大輔@localhost", "大輔"},
		{"a@b c\n", "", "ab.c@localhost", "ab.c"},
		{"@@", "", "servery@localhost", "servery"},
	} {
		got := ownerFrom(&user.User{Username: c.login, Name: c.full}, nil)
		if got.Name != c.name || got.DisplayName != c.display {
			t.Errorf("%q, %q: %+v", c.login, c.full, got)
		}
	}
	if got := ownerFrom(nil, errors.New("no such user")); got.Name != "servery@localhost" {
		t.Errorf("an unknown user is %+v", got)
	}
}

func TestATokenSpeaksForTheOwnerOverReopening(t *testing.T) {
	m := tabletest.New()
	a := mustOpen(t, m)
	var tokens []string
	for range 3 {
		token, err := a.CreateToken(t.Context(), "ci")
		if err != nil {
			t.Fatal(err)
		}
		if !regexp.MustCompile(`^dapi[0-9a-f]{32}$`).MatchString(token) || slices.Contains(tokens, token) {
			t.Errorf("token %q after %q", token, tokens)
		}
		tokens = append(tokens, token)
	}
	for range 2 {
		for _, token := range tokens {
			if u, err := a.Authenticate(token); err != nil || u != a.Owner() {
				t.Errorf("Authenticate: %+v, %v", u, err)
			}
		}
		a = mustOpen(t, m)
	}
}

func TestOnlyTheHashOfATokenIsStored(t *testing.T) {
	m := tabletest.New()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	a, err := open(m, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	token, err := a.CreateToken(t.Context(), "from a test")
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for key, value := range m.Rows {
		if strings.Contains(key+string(value), token[len(tokenStart):]) {
			t.Errorf("the token stands in %s: %s", key, value)
		}
		found = found || strings.HasPrefix(key, tokenPrefix) &&
			strings.Contains(string(value), "from a test") && strings.Contains(string(value), "2026-01-02T03:04:05Z")
	}
	if !found {
		t.Errorf("no record has the comment and the time: %s", m.Rows)
	}
}

func TestWhatIsNoTokenIsUnauthenticated(t *testing.T) {
	a := mustOpen(t, tabletest.New())
	token, err := a.CreateToken(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"", "dapi", newToken(tokenStart), token[1:], token + "0", " " + token[1:], strings.ToUpper(token),
		"Bearer " + token, token[:35] + "\x00", strings.Repeat("x", 1<<16)} {
		if u, err := a.Authenticate(bad); !errors.Is(err, ErrUnauthenticated) || u != (User{}) {
			t.Errorf("%.60q: %+v, %v", bad, u, err)
		}
	}
}

// A change of any one character of a token makes it invalid.
func TestNoNeighbourOfATokenIsValid(t *testing.T) {
	a := mustOpen(t, tabletest.New())
	token, err := a.CreateToken(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(r *rapid.T) {
		b := []byte(token)
		b[rapid.IntRange(0, len(b)-1).Draw(r, "at")] ^= byte(rapid.IntRange(1, 255).Draw(r, "flip"))
		if _, err := a.Authenticate(string(b)); !errors.Is(err, ErrUnauthenticated) {
			r.Fatalf("%q: %v", b, err)
		}
	})
}

// Whatever hashes are known, find finds those and no other, also where first halves are
// the same.
func TestTheIndexFindsWhatWasAddedAndNothingElse(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		draw := rapid.Custom(func(r *rapid.T) (d digest) {
			d[0] = rapid.ByteRange(0, 2).Draw(r, "first")
			d[31] = rapid.ByteRange(0, 3).Draw(r, "last")
			return d
		})
		x := index{}
		added := rapid.SliceOfNDistinct(draw, 0, 8, rapid.ID[digest]).Draw(r, "added")
		for i, d := range added {
			x.add(d, User{ID: string(rune('a' + i))}, int64(i))
		}
		d := draw.Draw(r, "asked")
		e := x.find(d)
		i := slices.Index(added, d)
		if (e != nil) != (i >= 0) || e != nil && (e.user.ID != string(rune('a'+i)) || e.expires != int64(i)) {
			r.Fatalf("find %x: %+v of %x", d, e, added)
		}
	})
}

func TestATokenThatWasNotStoredIsNotGiven(t *testing.T) {
	m := tabletest.New()
	a := mustOpen(t, m)
	full := errors.New("disk full")
	m.Before = tabletest.Full(full)
	if token, err := a.CreateToken(t.Context(), ""); !errors.Is(err, full) || token != "" {
		t.Errorf("CreateToken: %q, %v", token, err)
	}
	if n := len(a.state.Load().index); n != 0 {
		t.Errorf("%d tokens are known", n)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := a.CreateToken(ended, ""); !errors.Is(err, context.Canceled) {
		t.Errorf("with an ended context: %v", err)
	}
	if _, err := Open(&tabletest.Memory{Before: tabletest.Full(full)}); !errors.Is(err, full) {
		t.Errorf("Open: %v", err)
	}
}

func TestDamagedRecordsAreErrors(t *testing.T) {
	for key, value := range map[string]string{
		ownerKey:                                "{",
		tokenPrefix + "xyz":                     "{}",
		tokenPrefix + "ab":                      "{}",
		tokenPrefix + strings.Repeat("0", 64):   "[]",
		tokenPrefix + strings.Repeat("0", 64+2): "{}",
	} {
		m := tabletest.New()
		mustOpen(t, m)
		m.Rows[key] = []byte(value)
		if _, err := Open(m); err == nil {
			t.Errorf("%s = %s was accepted", key, value)
		}
	}
	if _, err := Open(&tabletest.Memory{Rows: map[string][]byte{ownerKey: []byte("{}")}}); err == nil {
		t.Error("an owner without a name was accepted")
	}
}

func TestManyGoroutinesMakeAndUseTokens(t *testing.T) {
	a := mustOpen(t, tabletest.New())
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				token, err := a.CreateToken(context.Background(), "")
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := a.Authenticate(token); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	if n := len(a.state.Load().index); n != 400 {
		t.Errorf("%d tokens are known, want 400", n)
	}
}

func TestTheContextSaysWhoCalls(t *testing.T) {
	if u, ok := UserFrom(t.Context()); ok {
		t.Errorf("an empty context says %+v", u)
	}
	want := User{Name: "ada@localhost"}
	if u, ok := UserFrom(WithUser(t.Context(), want)); !ok || u != want {
		t.Errorf("%+v, %t", u, ok)
	}
}

func TestAuthenticateAllocatesNothing(t *testing.T) {
	a := mustOpen(t, tabletest.New())
	token, err := a.CreateToken(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() { a.Authenticate(token) }); n != 0 {
		t.Errorf("%g allocations", n)
	}
}

func BenchmarkAuthenticate(b *testing.B) {
	a := mustOpen(b, tabletest.New())
	token, err := a.CreateToken(b.Context(), "")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		a.Authenticate(token)
	}
}

func TestTheFileGetsATokenOnce(t *testing.T) {
	m := tabletest.New()
	path := filepath.Join(t.TempDir(), "new", "token")
	first, err := mustOpen(t, m).TokenFile(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	for p, mode := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): 0o700} {
		if info, err := os.Stat(p); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v", p, info.Mode(), err)
		}
	}
	if err := os.Chmod(path, 0o644); err != nil { // as a copy may have
		t.Fatal(err)
	}
	a := mustOpen(t, m)
	again, err := a.TokenFile(t.Context(), path)
	if err != nil || again != first {
		t.Errorf("again: %q, %v; first %q", again, err, first)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("others can read the token: %v, %v", info.Mode(), err)
	}
	if u, err := a.Authenticate(again); err != nil || u != a.Owner() {
		t.Errorf("%+v, %v", u, err)
	}
	if err := os.WriteFile(path, []byte(" \r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	other, err := a.TokenFile(t.Context(), path)
	if err != nil || other == first {
		t.Errorf("an empty file got %q, %v", other, err)
	}
	files, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(files) != 1 {
		t.Errorf("temporary files stay: %v, %v", files, err)
	}
}

func TestWhatAPersonPutIntoTheFileStays(t *testing.T) {
	a := mustOpen(t, tabletest.New())
	path := filepath.Join(t.TempDir(), "token")
	foreign := newToken(tokenStart)
	for content, want := range map[string]TokenFileError{
		foreign + "\n":             {Path: path, Foreign: true},
		"my notes":                 {Path: path},
		strings.Repeat("x", 1<<16): {Path: path},
	} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := a.TokenFile(t.Context(), path)
		var got *TokenFileError
		if !errors.As(err, &got) || *got != want {
			t.Errorf("%.20q: %v", content, err)
			continue
		}
		if !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "remove the file") || strings.Contains(err.Error(), foreign) {
			t.Errorf("the error says %q", err)
		}
		if b, err := os.ReadFile(path); err != nil || string(b) != content {
			t.Errorf("the file now holds %.20q, %v", b, err)
		}
	}
	if _, err := a.TokenFile(t.Context(), t.TempDir()); err == nil {
		t.Error("a folder was taken for a token's file")
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
