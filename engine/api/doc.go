// Package api is Servery's REST server: Databricks' wire format in and out, the
// middleware that guards a server on a person's own machine, and the one place where
// errors become an HTTP status and an error_code.
//
// It translates and guards; it decides nothing about endpoints or models, which it
// reaches through Services. It must never know how they are stored (no Badger), what
// runs them (no processes, no ONNX Runtime) or that there is a window.
package api
