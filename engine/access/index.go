package access

import (
	"crypto/sha256"
	"crypto/subtle"
)

type digest [sha256.Size]byte

// index finds tokens by the first half of their hash; the second half is compared in
// constant time. More than one token below one half is not to be expected.
type index map[half][]entry

type half [sha256.Size / 2]byte

type entry struct {
	rest    half
	user    User
	expires int64 // Unix time in ns; 0 is never
}

func (x index) add(d digest, u User, expires int64) {
	first := half(d[:len(half{})])
	x[first] = append(x[first], entry{half(d[len(half{}):]), u, expires})
}

func (x index) find(d digest) *entry {
	entries := x[half(d[:len(half{})])]
	for i := range entries {
		if subtle.ConstantTimeCompare(entries[i].rest[:], d[len(half{}):]) == 1 {
			return &entries[i]
		}
	}
	return nil
}
