package api

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// A client that keeps its connection has its next request on its way when Close begins, and
// could not know what became of it: it is answered, and told that the connection ends.
func TestCloseAnswersWhatIsOnItsWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(withDigits(newFake()), Options{})
		c, r := piped(t, s)()
		ask := func() (closing bool) {
			fmt.Fprint(c, head(pipedAddress, "POST", invocations)+"Content-Length: 2\r\n\r\n{}")
			res, body := next(t, r)
			if res.StatusCode != 200 {
				t.Errorf("status %d %s", res.StatusCode, body)
			}
			return res.Close
		}
		if ask() {
			t.Error("the connection ends before Close")
		}
		closed := make(chan error, 1)
		go func() { closed <- s.Close(context.Background()) }()
		synctest.Wait()
		if !ask() {
			t.Error("the answer does not say that the connection ends")
		}
		began := time.Now()
		if err := <-closed; err != nil || time.Since(began) > drainPatience {
			t.Errorf("Close: %v after %v", err, time.Since(began))
		}
	})
}
