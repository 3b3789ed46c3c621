// Package e2e drives the real binary as its user would: under Xvfb with a mouse and a
// keyboard, over REST with the official clients, and with kill -9. It holds tests only.
//
// The stories find what they click by looking: a text is rendered with the product's own
// font and searched for on a screenshot (see screen_test.go), so that a story breaks when
// a person could not find the button either, and not when the button moves.
//
// SERVERY_BINARY names the binary; make e2e and make test set it.
package e2e
