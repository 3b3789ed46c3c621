package access

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxUserName    = 254 // bytes, as of an e-mail address (RFC 5321)
	maxDisplayName = 256 // bytes
)

// check holds a principal against the rules, puts its members in order and its name in lower
// case: who comes back under a name must be recognised as who created something.
func (s *state) check(p *Principal) error {
	p.DisplayName = strings.TrimSpace(p.DisplayName)
	if err := checkText("displayName", p.DisplayName); err != nil {
		return err
	}
	if err := checkText("externalId", p.ExternalID); err != nil {
		return err
	}
	switch p.Kind {
	case KindUser:
		if !userName(p.Name) {
			return &InvalidError{"userName", fmt.Sprintf("A user's name has the form of an e-mail address of up to %d bytes, bob@example.com: got %q.", maxUserName, cut(p.Name))}
		}
		p.Name = strings.ToLower(p.Name)
	case KindServicePrincipal:
		if p.Name = strings.ToLower(p.Name); !uuid(p.Name) {
			return &InvalidError{"applicationId", fmt.Sprintf("An application id is a UUID, 1b4e28ba-2fa1-41d2-883f-0016d3cca427: got %q. Leave it out, and one is made.", cut(p.Name))}
		}
	case KindGroup:
		if p.Name == "" || p.Name != strings.TrimSpace(p.Name) {
			return &InvalidError{"displayName", fmt.Sprintf("A group's name is 1 to %d bytes and has no space at its ends: got %q.", maxDisplayName, cut(p.Name))}
		}
		return s.checkMembers(p)
	default:
		return &InvalidError{"kind", fmt.Sprintf("%q is no kind of principal.", cut(string(p.Kind)))}
	}
	if len(p.Members) > 0 {
		return &InvalidError{"members", "Only groups have members."}
	}
	return nil
}

func (s *state) checkMembers(p *Principal) error {
	if len(p.Members) > maxMembers {
		return &InvalidError{"members", fmt.Sprintf("A group has at most %d members, this has %d.", maxMembers, len(p.Members))}
	}
	slices.Sort(p.Members)
	p.Members = slices.Compact(p.Members)
	for _, id := range p.Members {
		if _, ok := s.principals[id]; !ok {
			return &InvalidError{"members", fmt.Sprintf("There is no user, service principal or group with the id %q.", cut(id))}
		}
		if id == usersID {
			return &InvalidError{"members", "The group users, which everybody is in, cannot be a member of another group: add those whom you mean."}
		}
		if p.ID != "" && (id == p.ID || slices.Contains(s.groups[p.ID], id)) {
			return &InvalidError{"members", fmt.Sprintf("Group %q cannot be a member of %q: it would be in itself.", s.principals[id].Name, cut(p.Name))}
		}
	}
	return nil
}

func checkText(field, text string) error {
	if len(text) > maxDisplayName || !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsGraphic(r) }) {
		return &InvalidError{field, fmt.Sprintf("%s takes up to %d bytes of characters that can be seen.", field, maxDisplayName)}
	}
	return nil
}

// userName tells a name in the form of an e-mail address. It is a name only: nothing is
// ever sent there.
func userName(name string) bool {
	local, domain, at := strings.Cut(name, "@")
	return at && local != "" && domain != "" && len(name) <= maxUserName && utf8.ValidString(name) &&
		!strings.Contains(domain, "@") && !strings.ContainsFunc(name, func(r rune) bool {
		return !unicode.IsGraphic(r) || unicode.IsSpace(r) || strings.ContainsRune(`"(),:;<>[\]/`, r)
	})
}

// uuid tells a UUID in lower case.
func uuid(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		dash := i == 8 || i == 13 || i == 18 || i == 23
		if dash != (s[i] == '-') || !dash && !strings.ContainsRune("0123456789abcdef", rune(s[i])) {
			return false
		}
	}
	return true
}
