package access

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"servery/engine/tabletest"
)

func TestATokenEndsWithItsLifetimeAndIsThenForgotten(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	owner := h.Owner().ID
	secret, made, err := h.NewToken(ctx, owner, owner, "ci", time.Minute)
	if err != nil || made.Expires != h.now.Add(time.Minute) || made.Created != h.now || made.Comment != "ci" {
		t.Fatalf("%+v, %v", made, err)
	}
	for _, step := range []struct {
		after time.Duration
		name  string
		shown int
	}{{0, h.Owner().Name, 1}, {59 * time.Second, h.Owner().Name, 1}, {time.Second, "", 0}} {
		h.now = h.now.Add(step.after)
		h.wants(secret, step.name)
		if got := h.Tokens(owner); len(got) != step.shown || step.shown > 0 && got[0] != made {
			t.Errorf("after %v: %+v", step.after, got)
		}
		h.reopen()
		h.wants(secret, step.name)
	}
	h.token(owner)
	n := 0
	for key := range h.table.Rows {
		if strings.HasPrefix(key, tokenPrefix) {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%d tokens are stored after the next one was made", n)
	}
}

func TestARevokedTokenIsRefusedAtOnce(t *testing.T) {
	h := newHouse(t)
	bob := h.make(KindUser, "bob@example.com")
	first, second := h.token(bob.ID), h.token(bob.ID)
	var missing *NotFoundError
	id := h.Tokens(bob.ID)[0].ID
	if err := h.RevokeToken(t.Context(), h.Owner().ID, id); !errors.As(err, &missing) {
		t.Errorf("of another: %v", err)
	}
	if err := h.RevokeToken(t.Context(), bob.ID, id); err != nil {
		t.Fatal(err)
	}
	left := 0
	for _, token := range []string{first, second} {
		if _, err := h.Authenticate(token); err == nil {
			left++
		}
	}
	if left != 1 || len(h.Tokens(bob.ID)) != 1 || len(h.Tokens("")) != 1 {
		t.Errorf("%d tokens are left, listed %v", left, h.Tokens(bob.ID))
	}
	if err := h.RevokeToken(t.Context(), bob.ID, id); !errors.As(err, &missing) {
		t.Errorf("again: %v", err)
	}
}

func TestTheTokenInTheFileIsNotRevokedByAccident(t *testing.T) {
	h := newHouse(t)
	path := filepath.Join(t.TempDir(), "token")
	held, err := h.TokenFile(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		id := h.Tokens("")[0].ID
		for _, user := range []string{"", h.Owner().ID} {
			var used *InUseError
			if err := h.RevokeToken(t.Context(), user, id); !errors.As(err, &used) || !strings.Contains(err.Error(), "remove that file") {
				t.Errorf("revoked by %q: %v", user, err)
			}
		}
		h.wants(held, h.Owner().Name)
		h.reopen()
		if again, err := h.TokenFile(t.Context(), path); err != nil || again != held {
			t.Errorf("the file holds %q, %v", again, err)
		}
	}
	// The next start with another file lets it go.
	h.reopen()
	if err := h.RevokeToken(t.Context(), "", h.Tokens("")[0].ID); err != nil {
		t.Error(err)
	}
}

func TestTheFileTakesNoTokenOfAnother(t *testing.T) {
	h := newHouse(t)
	bob := h.make(KindUser, "bob@example.com")
	path := filepath.Join(t.TempDir(), "token")
	write(t, path, h.token(bob.ID))
	var wrong *TokenFileError
	if _, err := h.TokenFile(t.Context(), path); !errors.As(err, &wrong) {
		t.Errorf("bob's token was taken for the owner's: %v", err)
	}
}

func TestTokensAreBounded(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	bob := h.make(KindUser, "bob@example.com")
	team := h.make(KindGroup, "team", bob.ID)
	for _, c := range []struct {
		user, comment string
		lifetime      time.Duration
		want          any
	}{
		{bob.ID, "", -1, new(*InvalidError)},
		{bob.ID, "", MaxLifetime + 1, new(*InvalidError)},
		{bob.ID, strings.Repeat("x", maxComment+1), 0, new(*InvalidError)},
		{team.ID, "", 0, new(*NotFoundError)},
		{"77", "", 0, new(*NotFoundError)},
	} {
		if token, _, err := h.NewToken(ctx, c.user, c.user, c.comment, c.lifetime); err == nil || !errors.As(err, c.want) || token != "" {
			t.Errorf("%.40v: %q, %v", c, token, err)
		}
	}
	for range maxTokens {
		h.token(bob.ID)
	}
	var full *QuotaError
	if _, _, err := h.NewToken(ctx, bob.ID, bob.ID, "", 0); !errors.As(err, &full) {
		t.Errorf("one more than %d: %v", maxTokens, err)
	}
	h.token(h.Owner().ID)
}

func TestAnOlderReleasesTokenIsRead(t *testing.T) {
	m := tabletest.New()
	owner := mustOpen(t, m).Owner()
	secret := newToken(tokenStart)
	m.Rows[tokenKey(hash(secret))] = fmt.Appendf(nil, `{"user":%q,"comment":"file token","created":"2026-01-02T03:04:05Z"}`, owner.ID)
	a := mustOpen(t, m)
	if u, err := a.Authenticate(secret); err != nil || u != owner {
		t.Errorf("%+v, %v", u, err)
	}
	if got := a.Tokens(owner.ID); len(got) != 1 || got[0].Comment != "file token" || got[0].By != owner.ID || !got[0].Expires.IsZero() {
		t.Errorf("%+v", got)
	}
}

func TestAClientExchangesItsSecretForAnAccessToken(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	robot := h.make(KindServicePrincipal, "")
	secret, made, err := h.CreateClientSecret(ctx, robot.ID, 0)
	if err != nil || !strings.HasPrefix(secret, "dose") || made.Expires != h.now.Add(MaxLifetime) || made.Hash != hashOf(secret) {
		t.Fatalf("%q, %+v, %v", secret, made, err)
	}
	h.reopen()
	access, err := h.Exchange(ctx, strings.ToUpper(robot.Name), secret)
	if err != nil {
		t.Fatal(err)
	}
	h.wants(access, robot.Name)
	if got := h.Tokens(""); len(got) != 0 {
		t.Errorf("access tokens are listed: %+v", got)
	}
	for _, c := range []struct{ client, secret string }{{robot.Name, ""}, {robot.Name, secret + "0"}, {robot.Name, hashOf(secret)}, {"", secret}, {newUUID(), secret}, {robot.ID, secret}, {h.Owner().Name, secret}} {
		if token, err := h.Exchange(ctx, c.client, c.secret); !errors.Is(err, ErrUnauthenticated) || token != "" {
			t.Errorf("%v: %q, %v", c, token, err)
		}
	}
	h.reopen() // a start of Servery does not end it
	h.now = h.now.Add(AccessLifetime - time.Second)
	h.wants(access, robot.Name)
	h.now = h.now.Add(time.Second)
	h.wants(access, "")

	if access, err = h.Exchange(ctx, robot.Name, secret); err != nil {
		t.Fatal(err)
	}
	if err := h.DeleteClientSecret(ctx, robot.ID, made.ID); err != nil {
		t.Fatal(err)
	}
	h.wants(access, "") // it ends with its secret
	if _, err := h.Exchange(ctx, robot.Name, secret); !errors.Is(err, ErrUnauthenticated) {
		t.Errorf("with a deleted secret: %v", err)
	}
}

func TestASecretThatExpiredOrWhoseClientSleepsGivesNothing(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	robot := h.make(KindServicePrincipal, "")
	secret, _, err := h.CreateClientSecret(ctx, robot.ID, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	access, err := h.Exchange(ctx, robot.Name, secret)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Edit(ctx, KindServicePrincipal, robot.ID, func(p *Principal) error { p.Active = false; return nil }); err != nil {
		t.Fatal(err)
	}
	h.wants(access, "")
	if _, err := h.Exchange(ctx, robot.Name, secret); !errors.Is(err, ErrUnauthenticated) {
		t.Errorf("asleep: %v", err)
	}
	if _, err := h.Edit(ctx, KindServicePrincipal, robot.ID, func(p *Principal) error { p.Active = true; return nil }); err != nil {
		t.Fatal(err)
	}
	h.now = h.now.Add(time.Hour)
	if _, err := h.Exchange(ctx, robot.Name, secret); !errors.Is(err, ErrUnauthenticated) {
		t.Errorf("expired: %v", err)
	}
}

func TestClientsAreBounded(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	robot := h.make(KindServicePrincipal, "")
	var invalid *InvalidError
	var missing *NotFoundError
	var full *QuotaError
	if _, _, err := h.CreateClientSecret(ctx, robot.ID, -1); !errors.As(err, &invalid) {
		t.Errorf("a negative lifetime: %v", err)
	}
	if _, _, err := h.CreateClientSecret(ctx, h.Owner().ID, 0); !errors.As(err, &missing) {
		t.Errorf("of a user: %v", err)
	}
	var secret string
	for range maxSecrets {
		var err error
		if secret, _, err = h.CreateClientSecret(ctx, robot.ID, 0); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := h.CreateClientSecret(ctx, robot.ID, 0); !errors.As(err, &full) {
		t.Errorf("one more than %d: %v", maxSecrets, err)
	}
	if all, err := h.ClientSecrets(robot.ID); err != nil || len(all) != maxSecrets {
		t.Errorf("%d secrets, %v", len(all), err)
	}
	var oldest string
	for i := range maxAccess + 1 {
		h.now = h.now.Add(time.Millisecond)
		access, err := h.Exchange(ctx, robot.Name, secret)
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			oldest = access
		}
	}
	h.wants(oldest, "")
	if n := len(h.state.Load().tokens); n != maxAccess {
		t.Errorf("%d access tokens are kept", n)
	}
}
