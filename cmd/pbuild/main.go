// Command pbuild builds packages from recipes.
//
// The verbs and what they print are specified in the README and by «pbuild help»;
// each has a file here that turns flags into plain values and calls the packages
// below. Those print nothing: what people see is made in ui.go, render_term.go
// and render_plain.go, and hints are attached in hints.go.
package main

import (
	"os"
	"runtime/debug"

	"github.com/fuel-infra/pbuild/sandbox"
)

// gcPercent trades memory for time: most runs are over before they would collect
// anything, and a plan of a thousand recipes takes a fifth less. From memoryLimit
// on, in bytes, that is over.
const (
	gcPercent   = 400
	memoryLimit = 512 << 20
)

func main() {
	if sandbox.IsInit() {
		sandbox.Init()
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
		if os.Getenv("GOMEMLIMIT") == "" {
			debug.SetMemoryLimit(memoryLimit)
		}
	}
	os.Exit(run(newApp, os.Args, os.Stdout, os.Stderr, os.Getenv))
}
