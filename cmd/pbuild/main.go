// Command pbuild builds packages from recipes.
//
// The verbs and what they print are specified in the README and by «pbuild help»;
// each has a file here that turns flags into plain values and calls the packages
// below. Those print nothing: what people see is made in ui.go, render_term.go
// and render_plain.go, and hints are attached in hints.go.
package main

import (
	"os"

	"github.com/fuel-infra/pbuild/sandbox"
)

func main() {
	if sandbox.IsInit() {
		sandbox.Init()
	}
	os.Exit(run(newApp, os.Args, os.Stdout, os.Stderr, os.Getenv))
}
