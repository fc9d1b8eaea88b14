package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/fuel-infra/pbuild/internal/realize"
	"github.com/fuel-infra/pbuild/internal/tree"
	"github.com/fuel-infra/pbuild/recipe"
)

// sourceFlags are the flags of the verbs that work on sources which people name
// for one run.
func sourceFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringSliceFlag{Name: "source", Usage: "take the source of a recipe from elsewhere: `NAME=WHERE`, a folder, or DIR@COMMIT or URL@REF; NAME/SOURCE and NAME/PACK/FOLDER for others than main; may be repeated"},
		&cli.StringSliceFlag{Name: "set", Usage: "take the sources that `FILE` names, such as recipes/stand-ins.set.yaml; may be repeated"},
	}
}

// sourceArg is a --source.
type sourceArg struct {
	Name   recipe.SourceName `json:"name"`
	Where  string            `json:"where"`            // as it was typed
	Folder bool              `json:"folder,omitempty"` // the files of a folder, as they are
	Repo   string            `json:"repo,omitempty"`   // a local repository, an absolute path
	URL    string            `json:"url,omitempty"`
	Ref    string            `json:"ref,omitempty"` // of Repo or URL
}

// setArg is a --set, read.
type setArg struct {
	File string `json:"file"`
	Text []byte `json:"text"`
}

// maxSet bounds a file of sources, in bytes.
const maxSet = 1 << 20

// readSourceFlags reads what --source and --set say, but for the folders' files.
// Errors are *usageError where the line is wrong.
func readSourceFlags(c *cli.Context) (sources []sourceArg, sets []setArg, err error) {
	for _, text := range c.StringSlice("source") {
		s, err := parseSourceArg(text)
		if err != nil {
			return nil, nil, &usageError{msg: fmt.Sprintf("%s: --source %s: %v", typedVerb(c), recipe.ShownURL(text), err), hint: "pbuild help " + typedVerb(c)}
		}
		if slices.ContainsFunc(sources, func(o sourceArg) bool { return o.Name == s.Name }) {
			return nil, nil, &usageError{msg: fmt.Sprintf("%s: --source %s: stands twice", typedVerb(c), s.Name), hint: "pbuild help " + typedVerb(c)}
		}
		sources = append(sources, s)
	}
	for _, file := range c.StringSlice("set") {
		text, err := readSet(file)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: --set %s: %w", typedVerb(c), file, err)
		}
		sets = append(sets, setArg{file, text})
	}
	return sources, sets, nil
}

func readSet(file string) ([]byte, error) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, bareError(err)
	}
	if !info.Mode().IsRegular() || info.Size() > maxSet {
		return nil, fmt.Errorf("want a regular file of at most %d bytes", maxSet)
	}
	text, err := os.ReadFile(file)
	return text, bareError(err)
}

// parseSourceArg reads NAME=WHERE[@COMMIT]. A folder that is there with its whole
// name, @ and all, is one.
func parseSourceArg(text string) (s sourceArg, err error) {
	name, where, ok := strings.Cut(text, "=")
	if !ok || name == "" || where == "" {
		return s, fmt.Errorf("want NAME=WHERE")
	}
	s = sourceArg{Where: where}
	if s.Name, err = recipe.ParseSourceName(name); err != nil {
		return s, err
	}
	if strings.Contains(where, "://") {
		scheme, rest, _ := strings.Cut(where, "://")
		host, path, _ := strings.Cut(rest, "/") // the host may be user@host, and the ref a/b
		path, ref, ok := strings.Cut(path, "@")
		if !ok || ref == "" {
			return s, fmt.Errorf("want a commit, a branch or a tag: URL@REF")
		}
		s.URL, s.Ref = scheme+"://"+host+"/"+path, ref
		return s, recipe.CheckGit(recipe.Git{URL: s.URL, Ref: s.Ref})
	}
	if info, err := os.Stat(where); err == nil {
		if !info.IsDir() {
			return s, fmt.Errorf("is no folder")
		}
		s.Folder = true
		return s, nil
	}
	dir, ref, ok := cutLast(where, '@')
	if !ok {
		return s, fmt.Errorf("no such folder")
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return s, fmt.Errorf("no such folder")
	}
	s.Ref = ref
	s.Repo, err = filepath.Abs(dir)
	if err == nil {
		err = recipe.CheckGit(recipe.Git{Ref: ref})
	}
	return s, err
}

func cutLast(s string, sep byte) (before, after string, found bool) {
	if i := strings.LastIndexByte(s, sep); i >= 0 {
		return s[:i], s[i+1:], true
	}
	return s, "", false
}

// openFolders opens the folders that --source names; each is seen without .git.
func openFolders(sources []sourceArg) (files map[recipe.SourceName]fs.FS, closeAll func(), err error) {
	files = map[recipe.SourceName]fs.FS{}
	var roots []*os.Root
	closeAll = func() {
		for _, r := range roots {
			r.Close()
		}
	}
	for _, s := range sources {
		if !s.Folder {
			continue
		}
		root, err := os.OpenRoot(s.Where)
		if err != nil {
			closeAll()
			return nil, nil, fmt.Errorf("--source %s=%s: %w", s.Name, s.Where, bareError(err))
		}
		roots = append(roots, root)
		files[s.Name] = tree.Worktree(root.FS())
	}
	return files, closeAll, nil
}

// openToAll says which directory on the way to a repository only its owner may pass:
// git runs in root's worker, which is somebody else. Files of folders reach it
// through a pipe.
func openToAll(repo string) error {
	for dir := repo; repo != "" && dir != "/"; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil {
			return bareError(err)
		}
		if info.Mode().Perm()&0o001 == 0 {
			return fmt.Errorf("root's worker may not pass %s: give a folder with the commit's files instead", dir)
		}
	}
	return nil
}

// give makes r take what stands in the place of recipes' sources: sets first, in
// their order, then what --source says. A commit is resolved by fetching it.
func (c *collection) give(ctx context.Context, r *realize.Realizer) error {
	r.Given = map[recipe.SourceName]realize.Given{}
	for _, one := range c.sets {
		set, err := recipe.ParseSet(one.File, one.Text)
		if err == nil {
			err = set.Check(r.Recipes)
		}
		if err != nil {
			return err
		}
		for _, name := range set.Names() {
			if r.Given[name], err = givenSource(ctx, r, name, one.File, set.Sources[name], ""); err != nil {
				return err
			}
		}
	}
	for _, s := range c.sources {
		rec, err := r.Recipes.Recipe(s.Name.Recipe)
		if err == nil {
			err = rec.HasSource(s.Name.Source)
		}
		if err != nil {
			return fmt.Errorf("--source %s: %w", s.Name, err)
		}
		if s.Folder {
			r.Given[s.Name] = realize.Given{Where: s.Where, Files: c.folders[s.Name], Must: true}
			continue
		}
		g, err := givenSource(ctx, r, s.Name, s.Where, recipe.Git{URL: s.URL, Ref: s.Ref}, s.Repo)
		if err != nil {
			return err
		}
		g.Must = true
		r.Given[s.Name] = g
	}
	return nil
}

// givenSource resolves a source that stands in the place of a recipe's.
func givenSource(ctx context.Context, r *realize.Realizer, name recipe.SourceName, where string, src recipe.Source, local string) (realize.Given, error) {
	g := realize.Given{Where: where, Source: src}
	git, ok := src.(recipe.Git)
	if !ok {
		return g, nil
	}
	if r.Store == nil {
		return g, &usageError{
			msg:  fmt.Sprintf("--source %s=%s: a commit has to be fetched first", name, where),
			hint: fmt.Sprintf("pbuild plan %s --source %s=%s", name.Recipe, name, where),
		}
	}
	rec, err := r.Recipes.Recipe(name.Recipe)
	if err != nil {
		return g, err
	}
	l, err := r.ResolveRef(ctx, rec, name.Source, git, local)
	if err != nil {
		return g, fmt.Errorf("%s: %w", name, err)
	}
	g.Locked = &l
	return g, nil
}

// bareError drops the operation and path of a file error, which the caller says.
func bareError(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
