//go:build tools

// Package cli pins the Databricks CLI that the conformance run builds: a module of its own,
// so that the product's does not carry it.
package cli

import _ "github.com/databricks/cli"
