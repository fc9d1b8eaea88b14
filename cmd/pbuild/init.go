package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"unicode"

	"github.com/urfave/cli/v2"

	"github.com/fuel-infra/pbuild/internal/outdir"
	start "github.com/fuel-infra/pbuild/recipes"
)

func initVerb(con *console) *cli.Command {
	return &cli.Command{
		Name:      "init",
		Usage:     "begin a collection of recipes of your own",
		ArgsUsage: "[DIR]",
		Description: examples("pbuild init", "pbuild init packages", "cd packages && pbuild realize hello") + `
DIR, else the working directory, gets a folder recipes/: pbuild.yaml, the recipe
hello with its source and debian/, and the builders that it is built in. Where a
folder of that name or a pbuild.yaml is already, nothing is written.

DEBFULLNAME and DEBEMAIL, where both are set, are the maintainer of hello.
`,
		Before: takes(0, 1, "DIR"),
		Action: func(c *cli.Context) error {
			dir := c.Args().First()
			if dir == "" {
				dir = "."
			}
			who, err := maintainer(con.env)
			if err == nil {
				err = initCollection(dir, start.Start, who)
			}
			if err != nil {
				return fmt.Errorf("init: %w", err)
			}
			return showStart(con, dir)
		},
	}
}

// startFolder is where a new collection lies: what is made in the folder above,
// such as result/, is no part of it.
const startFolder = "recipes"

// started are the parts of a new collection, and what people are told of them.
var started = [...]struct{ name, what string }{
	{"pbuild.yaml", "marks the collection; may name mirrors"},
	{"hello", "a recipe: recipe.yaml, its source, its debian/"},
	{"builders", "the images to build in, each package by its sha256"},
	{"recipe.schema.json", "what a recipe may say, for editors"},
	{"builder.schema.json", "what a builder may say, for editors"},
	{"scheme.schema.json", "what a version scheme may say, for editors"},
}

// startedPart is a part as «init --json» prints it.
type startedPart struct {
	Path string `json:"path"`
	What string `json:"what"`
}

// startYAML is the new pbuild.yaml: that of the committed collection is about
// that one.
const startYAML = `# Marks this folder as a collection of recipes: pbuild takes the first folder
# upward from the working directory that holds pbuild.yaml or recipes/pbuild.yaml.
# What stands here counts for everybody who uses it, less than their own files,
# environment and flags; «pbuild config show» tells what is in force.
#
# debian: [http://mirror.example/debian]    # instead of the mirrors of the host's apt
# mirrors: {"https://git.example/": ["https://mirror.example/git/"]}
`

// committedMaintainer stands in the debian/ of the committed hello.
const committedMaintainer = "pbuild developers <pbuild@example.org>"

// maintainer returns who maintains the packages of a new collection, by the
// variables that dch(1) reads.
func maintainer(env func(string) string) (string, error) {
	name, mail := env("DEBFULLNAME"), env("DEBEMAIL")
	if name == "" || mail == "" {
		return "A Packager <packager@example.org>", nil
	}
	who := fmt.Sprintf("%s <%s>", name, mail)
	odd := func(r rune) bool { return !unicode.IsPrint(r) }
	if strings.ContainsFunc(who, odd) || strings.ContainsAny(name, "<>") || strings.ContainsAny(mail, "<> ") {
		return "", fmt.Errorf("DEBFULLNAME and DEBEMAIL: %q: want a name and an address", who)
	}
	return who, nil
}

// initCollection writes a new collection of files, the folder recipes in dir, which
// is made when absent. After an error nothing of the collection is left.
func initCollection(dir string, files fs.FS, maintainer string) error {
	root, err := outdir.Open(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	if _, err := root.Lstat("pbuild.yaml"); err == nil { // it would be found first
		return fmt.Errorf("%s: %w", filepath.Join(dir, "pbuild.yaml"), errThere)
	}
	err = root.Mkdir(startFolder, 0o777)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s: %w", filepath.Join(dir, startFolder), errThere)
	}
	if err != nil {
		return err
	}
	if err := writeStart(root, files, maintainer); err != nil {
		return fmt.Errorf("%s: %w", dir, errors.Join(err, root.RemoveAll(startFolder)))
	}
	return nil
}

var errThere = errors.New("is there already: nothing was written")

// writeStart fills the new folder.
func writeStart(root *os.Root, files fs.FS, maintainer string) error {
	in, err := root.OpenRoot(startFolder)
	if err != nil {
		return err
	}
	defer in.Close()
	err = fs.WalkDir(files, ".", func(name string, e fs.DirEntry, err error) error {
		switch {
		case err != nil || name == ".":
			return err
		case e.IsDir():
			return in.Mkdir(name, 0o777)
		}
		body, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		if path.Dir(name) == "hello/debian" {
			body = bytes.ReplaceAll(body, []byte(committedMaintainer), []byte(maintainer))
		}
		return writeNew(in, name, body)
	})
	if err != nil {
		return err
	}
	return writeNew(in, "pbuild.yaml", []byte(startYAML))
}

// writeNew writes a file that is not there yet.
func writeNew(root *os.Root, name string, body []byte) error {
	mode := fs.FileMode(0o666)
	if bytes.HasPrefix(body, []byte("#!")) {
		mode = 0o777
	}
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(body)
	return errors.Join(err, f.Close())
}

// showStart tells what is there now, and what to type next.
func showStart(con *console, dir string) error {
	var rows [][]cell
	for _, s := range started {
		file := filepath.Join(dir, startFolder, s.name)
		if con.json {
			if err := con.object(startedPart{file, s.what}); err != nil {
				return err
			}
			continue
		}
		rows = append(rows, []cell{plain(file), plain(s.what)})
	}
	if err := con.table(rows); err != nil {
		return err
	}
	cd := ""
	if dir != "." {
		cd = "cd " + shellWord(dir) + " && "
	}
	con.say("next:  %spbuild realize hello", cd)
	return nil
}

// shellWord quotes s where a shell (POSIX, 2.2) would not take it as it is.
func shellWord(s string) string {
	odd := func(r rune) bool {
		return !strings.ContainsRune("/.-_+", r) && !unicode.IsLetter(r) && !unicode.IsDigit(r)
	}
	if !strings.ContainsFunc(s, odd) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
