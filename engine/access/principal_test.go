package access

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"servery/engine/tabletest"
)

// house is an open table with a clock that a test sets.
type house struct {
	*Access
	t     testing.TB
	table *tabletest.Memory
	now   time.Time
}

func newHouse(t testing.TB) *house {
	h := &house{t: t, table: tabletest.New(), now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	h.reopen()
	return h
}

func (h *house) reopen() {
	h.t.Helper()
	a, err := open(h.table, func() time.Time { return h.now })
	if err != nil {
		h.t.Fatal(err)
	}
	h.Access = a
}

func (h *house) make(kind Kind, name string, members ...string) Principal {
	h.t.Helper()
	p, err := h.Create(context.Background(), Principal{Kind: kind, Name: name, Active: true, Members: members})
	if err != nil {
		h.t.Fatal(err)
	}
	return p
}

func (h *house) token(user string) string {
	h.t.Helper()
	token, _, err := h.NewToken(context.Background(), user, user, "", 0)
	if err != nil {
		h.t.Fatal(err)
	}
	return token
}

// wants checks who a token speaks for; "" is nobody.
func (h *house) wants(token, name string) {
	h.t.Helper()
	u, err := h.Authenticate(token)
	if name == "" && !errors.Is(err, ErrUnauthenticated) || name != "" && (err != nil || u.Name != name) {
		h.t.Errorf("the token speaks for %q (%v), want %q", u.Name, err, name)
	}
}

func TestUsersServicePrincipalsAndGroupsStayOverReopening(t *testing.T) {
	h := newHouse(t)
	bob := h.make(KindUser, "Bob@Example.com")
	robot := h.make(KindServicePrincipal, "")
	team := h.make(KindGroup, "Team", bob.ID, robot.ID)
	if bob.Name != "bob@example.com" || !uuid(robot.Name) || team.DisplayName != "Team" {
		t.Errorf("made %+v, %+v, %+v", bob, robot, team)
	}
	token := h.token(bob.ID)
	for range 2 {
		h.wants(token, "bob@example.com")
		if p, err := h.ByName("BOB@example.com", KindUser); err != nil || p.ID != bob.ID {
			t.Errorf("by name: %+v, %v", p, err)
		}
		if got := h.Groups(robot.ID); len(got) != 2 || got[0].Group.Name != "Team" || !got[0].Direct || got[1].Group.Name != UsersGroup {
			t.Errorf("the robot is in %+v", got)
		}
		if users := h.Principals(KindUser); len(users) != 2 || !users[0].BuiltIn || users[1].ID != bob.ID {
			t.Errorf("users %+v", users)
		}
		if groups := h.Principals(KindGroup); len(groups) != 3 {
			t.Errorf("groups %+v", groups)
		}
		h.reopen()
	}
}

func TestAnIDNeverNamesAnother(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	seen := map[string]string{}
	for i := range 5 {
		for _, kind := range []Kind{KindUser, KindServicePrincipal, KindGroup} {
			name := fmt.Sprintf("p%d@example.com", i)
			if kind == KindServicePrincipal {
				name = newUUID()
			}
			p := h.make(kind, name)
			if other, taken := seen[p.ID]; taken || strings.Trim(p.ID, "0123456789") != "" {
				t.Fatalf("%s has the id %s of %q", name, p.ID, other)
			}
			seen[p.ID] = name
			if err := h.Remove(ctx, kind, p.ID); err != nil {
				t.Fatal(err)
			}
			h.reopen()
		}
	}
}

func TestWhoComesBackIsTheSameOneWithNothingButWhatItCreated(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	bob := h.make(KindUser, "bob@example.com")
	team := h.make(KindGroup, "team", bob.ID)
	token := h.token(bob.ID)
	if err := h.Grant(ctx, "e1", map[string]Level{bob.ID: CanQuery, team.ID: CanView}, true); err != nil {
		t.Fatal(err)
	}
	if err := h.Remove(ctx, KindUser, bob.ID); err != nil {
		t.Fatal(err)
	}
	h.wants(token, "")
	if _, ok := h.UserOf("bob@example.com"); ok {
		t.Error("a removed user is still one who calls")
	}
	h.reopen()
	again := h.make(KindUser, "BOB@example.com")
	u, ok := h.UserOf("bob@example.com")
	if again.ID != bob.ID || again.Name != bob.Name || !ok {
		t.Fatalf("came back as %+v", again)
	}
	h.wants(token, "")
	if level := h.Permission(u, "e1", "ada@localhost"); level != NoAccess {
		t.Errorf("has %s on an endpoint of another", level)
	}
	if level := h.Permission(u, "e2", "bob@example.com"); level != CanManage {
		t.Errorf("has %s on its own endpoint", level)
	}
	if g, _ := h.Principal(KindGroup, team.ID); len(g.Members) != 0 {
		t.Errorf("is in the team again: %v", g.Members)
	}
	if err := h.Remove(ctx, KindGroup, team.ID); err != nil {
		t.Fatal(err)
	}
	if other := h.make(KindGroup, "team"); other.ID == team.ID || len(h.Grants("e1")) != 0 {
		t.Errorf("a new group of the name has the id %s and the grants %v", other.ID, h.Grants("e1"))
	}
}

func TestAnAdministratorIsWhoIsInTheGroup(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	bob := h.make(KindUser, "bob@example.com")
	ops := h.make(KindGroup, "ops", bob.ID)
	token := h.token(bob.ID)
	admins := func(members ...string) error {
		_, err := h.Edit(ctx, KindGroup, adminsID, func(p *Principal) error { p.Members = members; return nil })
		return err
	}
	owner := h.Owner().ID
	for _, c := range []struct {
		members []string
		want    bool
	}{{[]string{owner, bob.ID}, true}, {[]string{owner}, false}, {[]string{ops.ID, owner}, true}, {[]string{owner}, false}} {
		if err := admins(c.members...); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if u, err := h.Authenticate(token); err != nil || u.Admin != c.want {
				t.Errorf("with %v: %+v, %v", c.members, u, err)
			}
			h.reopen()
		}
	}
	var used *InUseError
	if err := admins(bob.ID); !errors.As(err, &used) || !strings.Contains(err.Error(), "stays in the group admins") {
		t.Errorf("admins without the owner: %v", err)
	}
}

func TestADeactivatedUsersTokensCountForNothing(t *testing.T) {
	h := newHouse(t)
	bob := h.make(KindUser, "bob@example.com")
	token := h.token(bob.ID)
	for _, active := range []bool{false, true} {
		if _, err := h.Edit(t.Context(), KindUser, bob.ID, func(p *Principal) error { p.Active = active; return nil }); err != nil {
			t.Fatal(err)
		}
		want := map[bool]string{true: "bob@example.com"}[active]
		h.wants(token, want)
		h.reopen()
		h.wants(token, want)
	}
}

func TestWhatIsNoPrincipalIsRefused(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	bob := h.make(KindUser, "bob@example.com")
	inner := h.make(KindGroup, "inner", bob.ID)
	outer := h.make(KindGroup, "outer", inner.ID)
	wide := strings.Repeat("x", 300)
	for _, p := range []Principal{
		{Kind: KindUser}, {Kind: KindUser, Name: "bob"}, {Kind: KindUser, Name: "a@b@c"}, {Kind: KindUser, Name: "@b"}, {Kind: KindUser, Name: "a b@c"},
		{Kind: KindUser, Name: "a\u202eb@c"}, {Kind: KindUser, Name: "a\xff@c"}, {Kind: KindUser, Name: "a/b@c"}, {Kind: KindUser, Name: wide + "@c"},
		{Kind: KindUser, Name: "c@d", DisplayName: wide}, {Kind: KindUser, Name: "c@d", DisplayName: "a\nb"}, {Kind: KindUser, Name: "c@d", Members: []string{bob.ID}},
		{Kind: KindServicePrincipal, Name: "robot"}, {Kind: KindServicePrincipal, Name: strings.Repeat("-", 36)},
		{Kind: KindGroup}, {Kind: KindGroup, Name: " team"}, {Kind: KindGroup, Name: "a\tb"}, {Kind: KindGroup, Name: wide},
		{Kind: KindGroup, Name: "team", Members: []string{"7"}}, {Kind: KindGroup, Name: "team", Members: []string{usersID}},
		{Kind: "ghost", Name: "x"},
	} {
		var invalid *InvalidError
		if got, err := h.Create(ctx, p); !errors.As(err, &invalid) || invalid.Field == "" || len(err.Error()) > 400 {
			t.Errorf("%.60v: %+v, %v", p, got, err)
		}
	}
	for _, p := range []Principal{{Kind: KindUser, Name: "BOB@example.com"}, {Kind: KindGroup, Name: "Admins"}, {Kind: KindGroup, Name: "USERS"}, {Kind: KindUser, Name: h.Owner().Name}} {
		var exists *ExistsError
		if _, err := h.Create(ctx, p); !errors.As(err, &exists) {
			t.Errorf("%v: %v", p, err)
		}
	}
	edit := func(kind Kind, id string, fn func(*Principal)) error {
		_, err := h.Edit(ctx, kind, id, func(p *Principal) error { fn(p); return nil })
		return err
	}
	owner := h.Owner().ID
	for what, c := range map[string]struct {
		err  error
		want any
	}{
		"a group in itself":         {edit(KindGroup, inner.ID, func(p *Principal) { p.Members = []string{inner.ID} }), new(*InvalidError)},
		"a group in its own member": {edit(KindGroup, inner.ID, func(p *Principal) { p.Members = []string{outer.ID} }), new(*InvalidError)},
		"another user name":         {edit(KindUser, bob.ID, func(p *Principal) { p.Name = "bill@example.com" }), new(*InvalidError)},
		"a taken group name":        {edit(KindGroup, inner.ID, func(p *Principal) { p.Name = "Outer" }), new(*ExistsError)},
		"a group as a user":         {edit(KindUser, inner.ID, func(*Principal) {}), new(*NotFoundError)},
		"no such user":              {edit(KindUser, "77", func(*Principal) {}), new(*NotFoundError)},
		"a sleeping owner":          {edit(KindUser, owner, func(p *Principal) { p.Active = false }), new(*InUseError)},
		"members of users":          {edit(KindGroup, usersID, func(p *Principal) { p.Members = []string{bob.ID} }), new(*InUseError)},
		"another name of admins":    {edit(KindGroup, adminsID, func(p *Principal) { p.Name = "root" }), new(*InUseError)},
		"the owner's removal":       {h.Remove(ctx, KindUser, owner), new(*InUseError)},
		"the admins' removal":       {h.Remove(ctx, KindGroup, adminsID), new(*InUseError)},
		"an unknown's removal":      {h.Remove(ctx, KindUser, inner.ID), new(*NotFoundError)},
	} {
		if c.err == nil || !errors.As(c.err, c.want) {
			t.Errorf("%s: %v", what, c.err)
		}
	}
	if err := edit(KindUser, bob.ID, func(p *Principal) { p.Name, p.DisplayName = "Bob@Example.com", "Bob" }); err != nil {
		t.Errorf("the same name in another case: %v", err)
	}
	before := len(h.table.Rows)
	h.reopen()
	if got, _ := h.Principal(KindUser, bob.ID); got.Name != "bob@example.com" || got.DisplayName != "Bob" || len(h.table.Rows) != before {
		t.Errorf("bob is %+v", got)
	}
}

func TestAChangeThatIsNotStoredDidNotHappen(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	bob := h.make(KindUser, "bob@example.com")
	token := h.token(bob.ID)
	full := errors.New("disk full")
	h.table.Before = tabletest.Full(full)
	for what, err := range map[string]error{
		"grant":  h.Grant(ctx, "e", map[string]Level{bob.ID: CanQuery}, false),
		"remove": h.Remove(ctx, KindUser, bob.ID),
		"revoke": h.RevokeToken(ctx, bob.ID, h.Tokens(bob.ID)[0].ID),
	} {
		if !errors.Is(err, full) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := h.Create(ctx, Principal{Kind: KindGroup, Name: "g"}); !errors.Is(err, full) {
		t.Errorf("create: %v", err)
	}
	h.wants(token, "bob@example.com")
	if len(h.Grants("e")) != 0 || len(h.Principals(KindGroup)) != 2 {
		t.Error("something changed all the same")
	}
}

func TestIDsAreOnesOwnAndThoseOfAllGroups(t *testing.T) {
	h := newHouse(t)
	bob := h.make(KindUser, "bob@example.com")
	inner := h.make(KindGroup, "inner", bob.ID)
	outer := h.make(KindGroup, "outer", inner.ID)
	got := h.IDs(bob.ID)
	slices.Sort(got)
	want := []string{bob.ID, inner.ID, outer.ID, usersID}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestWhoIsInAGroup(t *testing.T) {
	h := newHouse(t)
	bob, eve := h.make(KindUser, "bob@example.com"), h.make(KindUser, "eve@example.com")
	team := h.make(KindGroup, "Team", bob.ID)
	h.make(KindGroup, "All Teams", team.ID)
	for _, c := range []struct {
		id, group string
		want      bool
	}{
		{bob.ID, "Team", true}, {bob.ID, "tEAM", true}, {bob.ID, "all teams", true}, {bob.ID, UsersGroup, true}, {bob.ID, AdminsGroup, false},
		{eve.ID, "team", false}, {eve.ID, UsersGroup, true}, {h.Owner().ID, AdminsGroup, true}, {bob.ID, "none", false}, {"no one", "team", false},
	} {
		if got := h.In(c.id, c.group); got != c.want {
			t.Errorf("%s in %s: %v, want %v", c.id, c.group, got, c.want)
		}
	}
	if err := h.Remove(t.Context(), KindGroup, team.ID); err != nil {
		t.Fatal(err)
	}
	if h.In(bob.ID, "team") || h.In(bob.ID, "all teams") {
		t.Error("in a group that went")
	}
}
