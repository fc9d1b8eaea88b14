// Package recipes holds what «pbuild init» writes into a new collection, out of
// the collection that is committed here: the recipe hello, the builders that it
// is built in, and the schemas for editors.
//
// The folder is data; this is its only Go file.
package recipes

import "embed"

// Start is what a new collection begins with. Modes are lost: a file that begins
// with «#!» is executable.
//
//go:embed builder.schema.json recipe.schema.json scheme.schema.json
//go:embed builders/debian-12-base.* builders/debian-12-deb.* builders/debian-12-rpm.*
//go:embed hello
var Start embed.FS
