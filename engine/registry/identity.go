package registry

import (
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"time"
)

// newID is a random UUID (version 4).
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // crypto/rand: it never fails
	return uuid(b, 4)
}

// idFor is the UUID (version 8) of what a release without ids made: the same at each start.
func idFor(name string, at time.Time) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d", name, at.UnixMilli()))
	return uuid([16]byte(sum[:16]), 8)
}

func uuid(b [16]byte, version byte) string {
	b[6], b[8] = b[6]&0x0f|version<<4, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// VersionID is the UUID of version n of the model. A new name does not change it.
func (m Model) VersionID(n int) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s/%d", m.ID, n))
	return uuid([16]byte(sum[:16]), 8)
}
