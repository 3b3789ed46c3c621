//go:build cgo

package headless

// Go's scheduler watches its threads from one of its own, which under load sleeps for 20 µs
// at a time. Each look takes a processor away from somebody, and where a system call has
// lasted for two looks its goroutines move to another thread, which has to be woken. With
// one row, 16 connections and 2 cores that is a fifth of all processor time, in the engine and
// in its workers. With a slack of a millisecond the system lets the watch sleep so long as
// there is no other reason to wake; what Go's own timers promise, it rounds to a millisecond anyway.
//
// A thread passes its slack on to those that it starts. Only before Go's runtime runs is there
// just one thread, so that this has to be C.

/*
#include <sys/prctl.h>

__attribute__((constructor)) static void servery_timer_slack(void) { prctl(PR_SET_TIMERSLACK, 1000000UL, 0, 0, 0); }
*/
import "C"
