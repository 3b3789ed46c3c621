package api

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"servery/engine/access"
)

// authenticate finds the user of a request's token. A wrong token is answered later and
// later; a right one is never made to wait for the wrong ones.
func (s *Server) authenticate(r *http.Request) (access.User, error) {
	token, ok := credential(r)
	if !ok {
		return access.User{}, access.ErrUnauthenticated
	}
	user, err := s.services.Authenticate(token)
	if errors.Is(err, access.ErrUnauthenticated) {
		pause(r.Context(), s.wrongTokens.delay(time.Now()))
		return access.User{}, &requestError{code: codeUnauthenticated, message: messageWrongToken}
	}
	return user, err
}

const messageWrongToken = "Invalid access token. Copy the one that this server issued: from its window, or from the file token in its data folder."

const (
	// freeFailures are answered at once: a person who mistypes notices no delay.
	freeFailures = 20
	// failureInterval is how often a wrong token is answered when they keep coming.
	failureInterval = 50 * time.Millisecond
	// failurePatience is how long the answer waits at most. A token is 256 random bits:
	// no rate finds one. The wait keeps whoever tries from taking the processor.
	failurePatience = time.Second
)

// brake spaces out the answers to wrong tokens, all callers together: on one machine they
// cannot be told apart. It remembers a single moment, however many tokens come.
//
// The 21st wrong token within a second waits up to 50 ms, the 22nd 100 ms, the 40th and
// all that follow 1 s; after 2 s without one all is forgotten.
type brake struct {
	mu   sync.Mutex
	next time.Time // when the failures so far are paid off at one in failureInterval
}

// delay is how long the answer to a failure at now is to wait.
func (b *brake) delay(now time.Time) time.Duration {
	const free = freeFailures * failureInterval
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.next.Before(now) {
		b.next = now
	}
	b.next = b.next.Add(failureInterval)
	if most := now.Add(free + failurePatience); b.next.After(most) {
		b.next = most
	}
	return max(b.next.Sub(now)-free, 0)
}

// pause waits for d, or until the client has gone.
func pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
