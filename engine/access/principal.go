package access

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Kind tells principals apart.
type Kind string

// The kinds of principals.
const (
	KindUser             Kind = "user"
	KindServicePrincipal Kind = "service_principal"
	KindGroup            Kind = "group"
)

// what is the kind in the words of messages.
func (k Kind) what() string {
	switch k {
	case KindUser:
		return "User"
	case KindServicePrincipal:
		return "Service principal"
	}
	return "Group"
}

// The groups that are there from the start. Everybody is in users; who is in admins may do
// everything.
const (
	AdminsGroup = "admins"
	UsersGroup  = "users"
)

// Principal is a user, a service principal or a group: whoever something can be granted to.
type Principal struct {
	// ID is decimal digits. It names one principal for ever: nobody else gets it, also
	// after that principal was removed.
	ID   string `json:"id"`
	Kind Kind   `json:"kind"`
	// Name is a user's name, in the form of an e-mail address, a service principal's
	// application id, a UUID, or a group's name. No two of a kind differ only in case.
	Name        string `json:"name"`
	DisplayName string `json:"display_name,omitempty"` // a group's is its name
	ExternalID  string `json:"external_id,omitempty"`  // of whoever manages principals from outside
	// Active is false for one whose tokens count for nothing for now. Groups always are.
	Active bool `json:"active"`
	// Members are the ids of a group's direct members, sorted: users, service principals
	// and other groups. Those of the group users are not listed.
	Members []string `json:"members,omitempty"`
	// BuiltIn tells the owner and the groups admins and users, which stay as they are.
	BuiltIn bool `json:"-"`
}

const (
	maxPrincipals = 10_000 // the product's limit
	maxMembers    = 10_000
)

// Principals lists those of a kind by id, which is the order in which they were made.
func (a *Access) Principals(kind Kind) []Principal {
	s := a.state.Load()
	var all []Principal
	for _, p := range s.principals {
		if p.Kind == kind {
			all = append(all, p)
		}
	}
	slices.SortFunc(all, func(p, q Principal) int { return cmp.Or(cmp.Compare(len(p.ID), len(q.ID)), cmp.Compare(p.ID, q.ID)) })
	return all
}

// Principal returns one by its id, or *NotFoundError.
func (a *Access) Principal(kind Kind, id string) (Principal, error) {
	return a.state.Load().principal(kind, id)
}

func (s *state) principal(kind Kind, id string) (Principal, error) {
	p, ok := s.principals[id]
	if !ok || p.Kind != kind {
		return Principal{}, &NotFoundError{kind.what(), id}
	}
	return p, nil
}

// ByID returns a principal of any kind.
func (a *Access) ByID(id string) (Principal, bool) {
	p, ok := a.state.Load().principals[id]
	return p, ok
}

// ByName finds a principal by its name, whatever the case: a *NotFoundError tells that
// none of the kinds has one. Without kinds it looks among users, service principals and
// groups, in this order.
func (a *Access) ByName(name string, kinds ...Kind) (Principal, error) {
	return a.state.Load().byName(name, kinds...)
}

func (s *state) byName(name string, kinds ...Kind) (Principal, error) {
	what := "User, service principal or group"
	if len(kinds) == 0 {
		kinds = []Kind{KindUser, KindServicePrincipal, KindGroup}
	} else {
		what = kinds[0].what()
	}
	for _, kind := range kinds {
		if id, ok := s.names[nameKey(kind, name)]; ok {
			return s.principals[id], nil
		}
	}
	return Principal{}, &NotFoundError{what, name}
}

// UserOf is a user or service principal as one who calls; ok is false where it is no more,
// or was deactivated.
func (a *Access) UserOf(name string) (u User, ok bool) {
	s := a.state.Load()
	p, err := s.byName(name, KindUser, KindServicePrincipal)
	if err != nil || !p.Active {
		return User{}, false
	}
	return s.user(p), true
}

// Membership is a group that a principal is in: itself, or through another group.
type Membership struct {
	Group  Principal
	Direct bool
}

// Groups lists the groups that a principal is in, by name.
func (a *Access) Groups(id string) []Membership {
	s := a.state.Load()
	var all []Membership
	for _, g := range s.groups[id] {
		group := s.principals[g]
		all = append(all, Membership{group, g == usersID || slices.Contains(group.Members, id)})
	}
	slices.SortFunc(all, func(m, n Membership) int { return cmp.Compare(m.Group.Name, n.Group.Name) })
	return all
}

// IDs are a principal's own id and those of all its groups: what something may have been
// granted to. The slice is the caller's.
func (a *Access) IDs(id string) []string {
	return append([]string{id}, a.state.Load().groups[id]...)
}

// In tells whether a principal is in the group of a name, whatever the case: itself, or
// through another group. Requests ask: it takes no lock.
func (a *Access) In(id, group string) bool {
	s := a.state.Load()
	g, ok := s.names[nameKey(KindGroup, group)]
	return ok && slices.Contains(s.groups[id], g)
}

// Create makes a user, service principal or group of a name. A service principal without
// a name gets one. A user or service principal that was removed and comes back under its
// name is the same one: it has the id that it had, and what it created, but no token, no
// group and no grant. Errors are *InvalidError, *ExistsError, *QuotaError and the table's.
func (a *Access) Create(ctx context.Context, p Principal) (Principal, error) {
	if p.Kind == KindServicePrincipal && p.Name == "" {
		p.Name = newUUID()
	}
	if p.Kind == KindGroup {
		p.Active, p.DisplayName = true, p.Name
	}
	err := a.change(ctx, "the "+strings.ToLower(p.Kind.what()), func(s *state, records changes) error {
		if len(s.principals) >= maxPrincipals {
			return &QuotaError{fmt.Sprintf("There are %d users, service principals and groups, the most there may be: remove one first.", len(s.principals))}
		}
		if err := s.check(&p); err != nil {
			return err
		}
		key := nameKey(p.Kind, p.Name)
		if _, taken := s.names[key]; taken {
			return &ExistsError{p.Kind.what(), p.Name}
		}
		if id, was := s.gone[key]; was {
			p.ID, records[gonePrefix+key] = id, nil
		} else {
			p.ID = strconv.FormatInt(s.next, 10)
			if err := records.put(nextKey, s.next+1); err != nil {
				return err
			}
		}
		return records.put(principalPrefix+p.ID, p)
	})
	if err != nil {
		return Principal{}, err
	}
	return p, nil
}

// Edit changes a principal: edit is given a copy and changes its DisplayName, ExternalID,
// Active, Members, and a group's Name. Errors are edit's, *NotFoundError, *InvalidError,
// *ExistsError, *InUseError for the owner and the group users, and the table's.
func (a *Access) Edit(ctx context.Context, kind Kind, id string, edit func(*Principal) error) (Principal, error) {
	var p Principal
	err := a.change(ctx, "the "+strings.ToLower(kind.what()), func(s *state, records changes) error {
		was, err := s.principal(kind, id)
		if err != nil {
			return err
		}
		p = was
		p.Members = slices.Clone(was.Members)
		if err := edit(&p); err != nil {
			return err
		}
		if kind == KindGroup {
			p.DisplayName = p.Name
		} else if !strings.EqualFold(p.Name, was.Name) {
			return &InvalidError{"userName", fmt.Sprintf("%s keeps its name: endpoints and models tell by it who created them. Make another one.", was.Kind.what())}
		} else {
			p.Name = was.Name
		}
		if err := s.check(&p); err != nil {
			return err
		}
		if same(p, was) {
			return nil
		}
		if err := s.editable(&p, was); err != nil {
			return err
		}
		if taken, ok := s.names[nameKey(kind, p.Name)]; ok && taken != id {
			return &ExistsError{kind.what(), p.Name}
		}
		return records.put(principalPrefix+id, p)
	})
	if err != nil {
		return Principal{}, err
	}
	return p, nil
}

func same(p, q Principal) bool {
	return p.Name == q.Name && p.DisplayName == q.DisplayName && p.ExternalID == q.ExternalID && p.Active == q.Active && slices.Equal(p.Members, q.Members)
}

// editable tells whether what is built in may be changed so: of it only who else is an
// administrator can be.
func (s *state) editable(p *Principal, was Principal) error {
	switch {
	case !was.BuiltIn:
		return nil
	case was.ID == s.owner.ID:
		return &InUseError{fmt.Sprintf("%s is the owner of the data folder, who stays as the operating system names the user.", was.Name)}
	case was.ID == usersID:
		return &InUseError{"Everybody is in the group users: it cannot be changed."}
	case p.Name != was.Name || p.ExternalID != was.ExternalID:
		return &InUseError{"The group admins keeps its name: only its members can be changed."}
	case !slices.Contains(p.Members, s.owner.ID):
		return &InUseError{fmt.Sprintf("%s is the owner of the data folder, who stays in the group admins.", s.owner.Name)}
	}
	return nil
}

// Remove takes a principal away, with its tokens, secrets and grants and out of all groups.
// Errors are *NotFoundError, *InUseError for what is built in, and the table's.
func (a *Access) Remove(ctx context.Context, kind Kind, id string) error {
	return a.change(ctx, "the removal of the "+strings.ToLower(kind.what()), func(s *state, records changes) error {
		p, err := s.principal(kind, id)
		if err != nil {
			return err
		}
		if p.BuiltIn {
			return &InUseError{fmt.Sprintf("%s %s cannot be removed: Servery stands on it.", p.Kind.what(), p.Name)}
		}
		records[principalPrefix+id] = nil
		if kind != KindGroup {
			if err := records.put(gonePrefix+nameKey(kind, p.Name), id); err != nil {
				return err
			}
		}
		return s.strip(id, records)
	})
}

// strip takes all away that a principal has.
func (s *state) strip(id string, records changes) error {
	for d, t := range s.tokens {
		if t.User == id {
			records[tokenKey(d)] = nil
		}
	}
	for key, c := range s.secrets {
		if c.Principal == id {
			records[secretPrefix+key] = nil
		}
	}
	for endpoint, levels := range s.grants {
		if _, has := levels[id]; has {
			levels = maps.Clone(levels)
			delete(levels, id)
			if err := records.grants(endpoint, levels); err != nil {
				return err
			}
		}
	}
	for _, g := range s.principals {
		if i := slices.Index(g.Members, id); i >= 0 {
			g.Members = slices.Delete(slices.Clone(g.Members), i, i+1)
			if err := records.put(principalPrefix+g.ID, g); err != nil {
				return err
			}
		}
	}
	return nil
}

// newUUID is a random UUID, version 4.
func newUUID() string {
	var b [16]byte
	rand.Read(b[:]) // it never fails: the process ends where there is no randomness
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
