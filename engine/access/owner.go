package access

import (
	"cmp"
	"os/user"
	"strings"
	"unicode"
)

// ownerID is the owner's in every data folder: it is not a secret, and programs that
// compare ids find the same one after the folder was made anew.
const ownerID = "1000000000000001"

// ownerFrom makes the owner from the user of the operating system; where that is not
// known, as in some containers, the name is "servery".
func ownerFrom(u *user.User, err error) User {
	if err != nil || u == nil {
		u = &user.User{}
	}
	login := u.Username
	if i := strings.LastIndexByte(login, '\\'); i >= 0 { // DOMAIN\name on Windows
		login = login[i+1:]
	}
	local := strings.Trim(strings.Map(func(r rune) rune {
		switch {
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			return unicode.ToLower(r)
		case strings.ContainsRune("._-+", r):
			return r
		case r == ' ':
			return '.'
		}
		return -1
	}, login), ".")
	local = cmp.Or(local, "servery")
	full, _, _ := strings.Cut(u.Name, ",") // "Ada Lovelace,Room 1,..." in some passwd files
	return User{
		Name:        local + "@localhost",
		DisplayName: cmp.Or(strings.TrimSpace(full), local),
		ID:          ownerID,
		Admin:       true,
	}
}
