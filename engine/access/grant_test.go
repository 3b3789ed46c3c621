package access

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestAGrantIsTheMostOfTheUserAndItsGroups(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	bob, eve := h.make(KindUser, "bob@example.com"), h.make(KindUser, "eve@example.com")
	team := h.make(KindGroup, "team", bob.ID)
	u, _ := h.UserOf(bob.Name)
	v, _ := h.UserOf(eve.Name)
	for _, c := range []struct {
		levels    map[string]Level
		replace   bool
		bob, eve  Level
		remaining int
	}{
		{map[string]Level{bob.ID: CanView}, false, CanView, NoAccess, 1},
		{map[string]Level{team.ID: CanQuery}, false, CanQuery, NoAccess, 2},  // PATCH keeps the rest
		{map[string]Level{bob.ID: CanManage}, false, CanManage, NoAccess, 2}, // and replaces the same one's
		{map[string]Level{usersID: CanView}, true, CanView, CanView, 1},      // PUT replaces all
		{map[string]Level{usersID: NoAccess}, false, NoAccess, NoAccess, 0},
		{map[string]Level{eve.ID: CanManage}, true, NoAccess, CanManage, 1},
		{nil, true, NoAccess, NoAccess, 0},
	} {
		if err := h.Grant(ctx, "e1", c.levels, c.replace); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if b, e := h.Permission(u, "e1", "x"), h.Permission(v, "e1", "x"); b != c.bob || e != c.eve {
				t.Errorf("%v: bob has %s, eve %s", c.levels, b, e)
			}
			if b := h.Permission(u, "e2", "x"); b != NoAccess {
				t.Errorf("bob has %s on another endpoint", b)
			}
			if n := len(h.Grants("e1")); n != c.remaining {
				t.Errorf("%v: %d grants are listed", c.levels, n)
			}
			h.reopen()
		}
	}
	if _, stored := h.table.Rows[grantPrefix+"e1"]; stored {
		t.Error("a record of no grant stays")
	}
}

func TestAnUnknownPrincipalIsGrantedNothing(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	bob := h.make(KindUser, "bob@example.com")
	var missing *NotFoundError
	if err := h.Grant(ctx, "e1", map[string]Level{bob.ID: CanView, "77": CanView}, true); !errors.As(err, &missing) {
		t.Errorf("%v", err)
	}
	if len(h.Grants("e1")) != 0 {
		t.Error("half of the request was carried out")
	}
}

func TestGrantsOnEndpointsThatWentAreForgotten(t *testing.T) {
	h := newHouse(t)
	bob := h.make(KindUser, "bob@example.com")
	for _, id := range []string{"e1", "e2"} {
		if err := h.Grant(t.Context(), id, map[string]Level{bob.ID: CanView}, true); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.KeepGrants(t.Context(), func(id string) bool { return id == "e2" }); err != nil {
		t.Fatal(err)
	}
	h.reopen()
	if len(h.Grants("e1")) != 0 || len(h.Grants("e2")) != 1 {
		t.Errorf("%v, %v", h.Grants("e1"), h.Grants("e2"))
	}
}

func TestPermissionAllocatesNothing(t *testing.T) {
	h := newHouse(t)
	bob := h.make(KindUser, "bob@example.com")
	h.make(KindGroup, "team", bob.ID)
	if err := h.Grant(t.Context(), "e1", map[string]Level{usersID: CanQuery}, true); err != nil {
		t.Fatal(err)
	}
	u, _ := h.UserOf(bob.Name)
	if n := testing.AllocsPerRun(100, func() { h.Permission(u, "e1", "x") }); n != 0 {
		t.Errorf("%g allocations", n)
	}
}

func BenchmarkPermission(b *testing.B) {
	h := newHouse(b)
	bob := h.make(KindUser, "bob@example.com")
	for i := range 10 {
		h.make(KindGroup, fmt.Sprint("team", i), bob.ID)
	}
	if err := h.Grant(context.Background(), "e1", map[string]Level{usersID: CanQuery}, true); err != nil {
		b.Fatal(err)
	}
	u, _ := h.UserOf(bob.Name)
	for b.Loop() {
		h.Permission(u, "e1", "x")
	}
}

// plain is the same in the simplest words: who is in which group, and who was granted what.
type plain struct {
	members map[string][]string         // by group's id
	grants  map[string]map[string]Level // by endpoint's id and principal's
}

func (p plain) in(id, group string) bool {
	for _, m := range p.members[group] {
		if m == id || p.in(id, m) {
			return true
		}
	}
	return false
}

func (p plain) level(id, endpoint string) Level {
	if p.in(id, adminsID) {
		return CanManage
	}
	level := max(p.grants[endpoint][id], p.grants[endpoint][usersID])
	for group := range p.members {
		if p.in(id, group) {
			level = max(level, p.grants[endpoint][group])
		}
	}
	return level
}

func (p plain) forget(id string) {
	delete(p.members, id)
	for g, m := range p.members {
		p.members[g] = slices.DeleteFunc(slices.Clone(m), func(x string) bool { return x == id })
	}
	for _, levels := range p.grants {
		delete(levels, id)
	}
}

// Whatever is done, everybody has what the plain rules give, and what is known is what the
// next start knows.
func TestPermissionsFollowThePlainRules(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		h := newHouse(t)
		ctx := context.Background()
		p := plain{map[string][]string{adminsID: {h.Owner().ID}}, map[string]map[string]Level{"e0": {}, "e1": {}}}
		var users, groups []string
		for i := range 3 {
			users = append(users, h.make(KindUser, fmt.Sprintf("u%d@x", i)).ID)
			groups = append(groups, h.make(KindGroup, fmt.Sprintf("g%d", i)).ID)
			p.members[groups[i]] = nil
		}
		groups = append(groups, adminsID)
		step := func(r *rapid.T) {
			switch rapid.IntRange(0, 3).Draw(r, "what") {
			case 0, 1:
				endpoint := fmt.Sprint("e", rapid.IntRange(0, 1).Draw(r, "endpoint"))
				replace := rapid.Bool().Draw(r, "replace")
				levels := rapid.MapOfN(rapid.SampledFrom(slices.Concat(users, groups, []string{usersID})), rapid.Custom(func(r *rapid.T) Level { return Level(rapid.IntRange(0, 3).Draw(r, "level")) }), 0, 3).Draw(r, "levels")
				if err := h.Grant(ctx, endpoint, levels, replace); err != nil {
					r.Fatal(err)
				}
				if replace {
					p.grants[endpoint] = map[string]Level{}
				}
				maps.Copy(p.grants[endpoint], levels)
			case 2:
				group := rapid.SampledFrom(groups).Draw(r, "group")
				members := rapid.SliceOfNDistinct(rapid.SampledFrom(slices.Concat(users, groups)), 0, 3, rapid.ID[string]).Draw(r, "members")
				if group == adminsID && !slices.Contains(members, h.Owner().ID) {
					members = append(members, h.Owner().ID)
				}
				_, err := h.Edit(ctx, KindGroup, group, func(g *Principal) error { g.Members = members; return nil })
				round := slices.ContainsFunc(members, func(m string) bool { return m == group || p.in(group, m) })
				if (err != nil) != round {
					r.Fatalf("%v into %s: %v, a circle %t", members, group, err, round)
				}
				if err == nil {
					p.members[group] = members
				}
			case 3:
				i := rapid.IntRange(0, len(users)-1).Draw(r, "gone")
				name := h.state.Load().principals[users[i]].Name
				if err := h.Remove(ctx, KindUser, users[i]); err != nil {
					r.Fatal(err)
				}
				p.forget(users[i])
				if again := h.make(KindUser, name); again.ID != users[i] {
					r.Fatalf("%s came back as %s", name, again.ID)
				}
			}
		}
		for range rapid.IntRange(1, 12).Draw(r, "steps") {
			step(r)
			live := h.state.Load()
			for _, id := range users {
				u := live.user(live.principals[id])
				for endpoint := range p.grants {
					if got, want := h.Permission(u, endpoint, "nobody@x"), p.level(id, endpoint); got != want {
						r.Fatalf("%s has %s on %s, want %s", u.Name, got, endpoint, want)
					}
				}
			}
			h.reopen()
			again := h.state.Load()
			again.index, live.index = nil, nil
			if !reflect.DeepEqual(live, again) {
				r.Fatalf("the next start knows\n%+v\nand this one\n%+v", again, live)
			}
		}
	})
}
