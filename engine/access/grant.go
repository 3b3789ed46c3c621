package access

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
)

// Grant is what one principal was given on an endpoint directly.
type Grant struct {
	Principal Principal
	Level     Level
}

const maxGrants = 1000 // on one endpoint

// Grants lists the direct grants on an endpoint: users, then service principals, then
// groups, each by name. What administrators and the creator may do is none of them.
func (a *Access) Grants(endpointID string) []Grant {
	s := a.state.Load()
	var all []Grant
	for id, level := range s.grants[endpointID] {
		if p, ok := s.principals[id]; ok {
			all = append(all, Grant{p, level})
		}
	}
	order := []Kind{KindUser, KindServicePrincipal, KindGroup}
	slices.SortFunc(all, func(g, h Grant) int {
		return cmp.Or(cmp.Compare(slices.Index(order, g.Principal.Kind), slices.Index(order, h.Principal.Kind)), cmp.Compare(g.Principal.Name, h.Principal.Name))
	})
	return all
}

// Grant gives principals, by their ids, levels on an endpoint. They take the place of what
// each of them had, and of all that anybody had where replace is set; NoAccess takes a
// grant away. Errors are *NotFoundError for a principal that is not there, *QuotaError and
// the table's: then nothing has changed.
func (a *Access) Grant(ctx context.Context, endpointID string, levels map[string]Level, replace bool) error {
	return a.change(ctx, "the permissions", func(s *state, records changes) error {
		next := map[string]Level{}
		if !replace {
			maps.Copy(next, s.grants[endpointID])
		}
		for id, level := range levels {
			if _, ok := s.principals[id]; !ok {
				return &NotFoundError{"User, service principal or group", id}
			}
			if level == NoAccess {
				delete(next, id)
			} else {
				next[id] = level
			}
		}
		if len(next) > maxGrants {
			return &QuotaError{fmt.Sprintf("An endpoint has at most %d direct permissions, this would have %d: grant to groups.", maxGrants, len(next))}
		}
		if maps.Equal(next, s.grants[endpointID]) {
			return nil
		}
		return records.grants(endpointID, next)
	})
}

func (c changes) grants(endpointID string, levels map[string]Level) error {
	if len(levels) == 0 {
		c[grantPrefix+endpointID] = nil
		return nil
	}
	return c.put(grantPrefix+endpointID, levels)
}

// KeepGrants forgets the grants on all endpoints but those whose ids keep accepts. An id
// names one endpoint for ever, so that a grant left behind gives nothing to anybody: this
// makes room.
func (a *Access) KeepGrants(ctx context.Context, keep func(endpointID string) bool) error {
	return a.change(ctx, "the permissions", func(s *state, records changes) error {
		for id := range s.grants {
			if !keep(id) {
				records[grantPrefix+id] = nil
			}
		}
		return nil
	})
}
