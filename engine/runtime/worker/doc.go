// Package worker runs each served entity in a process of its own: the program's binary
// started again as `servery worker`. One half of the package supervises from the engine
// (Launcher, its runners), the other is the process (Main). Between them lies a binary
// protocol over a socket, described in docs/worker-protocol.md; why there are processes
// at all is in docs/adr/0001-worker-processes.md.
//
// The package knows no endpoint, no HTTP server and no store. It is the only one that
// links ONNX Runtime's binding, and only the process side opens the library.
package worker
