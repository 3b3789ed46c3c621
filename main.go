// Servery puts Databricks Model Serving on a person's own machine: a window over a local
// engine, or the engine alone with `servery serve`.
package main

import (
	"os"

	"servery/app"
	"servery/app/headless"
)

func main() {
	if args := os.Args[1:]; headless.Handles(args) {
		os.Exit(headless.Main(args, os.Stdout, os.Stderr))
	}
	os.Exit(app.Main(os.Args[1:], os.Stderr))
}
