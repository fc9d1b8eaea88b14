package main

import (
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/urfave/cli/v2"

	"github.com/fuel-infra/pbuild/internal/config"
	"github.com/fuel-infra/pbuild/internal/realize"
	"github.com/fuel-infra/pbuild/internal/worker"
	"github.com/fuel-infra/pbuild/recipe"
	"github.com/fuel-infra/pbuild/sandbox"
	"github.com/fuel-infra/pbuild/store"
	"github.com/fuel-infra/pbuild/store/digest"
)

// What a worker hands over to its parent.
const (
	kindPackage = "package" // for --out
	kindLock    = "lock"    // for builders/ of the collection
	kindRecipe  = "recipe"  // for a recipe's folder: RECIPE:FILE; empty: the file goes
	kindEvents  = "events"  // a line for --events
	kindJUnit   = "junit"   // for --junit

	kindTerminal = "terminal" // what to do with it, of «shell»
)

// workerInfo is what root's process tells its worker.
type workerInfo struct {
	Config *config.Config `json:"config"`
	Shown  string         `json:"shown"` // the collection's folder, for errors
	Files  bool           `json:"files"` // the collection follows, and the folders of sources

	Sources []sourceArg `json:"sources,omitempty"`
	Sets    []setArg    `json:"sets,omitempty"`

	Terminal bool `json:"terminal,omitempty"` // a person sits at the parent, of «shell»
}

// inWorker makes a verb run unprivileged when root calls it: the process of root
// reads the configuration and, with files, the collection, and writes what
// comes out.
func inWorker(con *console, files bool, v *cli.Command) *cli.Command {
	for _, sub := range v.Subcommands {
		inWorker(con, files, sub)
	}
	if action := v.Action; action != nil {
		v.Action = func(c *cli.Context) error {
			if con.worker != nil || !isRoot() {
				return action(c)
			}
			return delegate(c, con, files)
		}
	}
	return v
}

// isRoot reports whether this process is root's. The root of a user namespace, as
// in a rootless container, is on the host a user like others, who needs no worker
// and may have no other uid to give to one. Where the host does not tell, it is.
func isRoot() bool {
	if os.Geteuid() != 0 {
		return false
	}
	root, err := sandbox.HostRoot()
	return root || err != nil
}

// joinParent takes up the pipes of a worker.
func (c *console) joinParent() error {
	side, err := worker.Join()
	if err != nil {
		return err
	}
	w := &workerSide{Side: side}
	if err := json.Unmarshal(side.Info, &w.info); err != nil {
		return fmt.Errorf("worker: %w", err)
	}
	c.worker = w
	return nil
}

// workerSide is a worker's view of its parent.
type workerSide struct {
	*worker.Side
	info workerInfo
}

// delegate runs the verb in a worker.
func delegate(c *cli.Context, con *console, files bool) error {
	conf, err := settings(con, placesOf(c))
	if err != nil {
		return fmt.Errorf("%s: %w", typedVerb(c), err)
	}
	job := worker.Job{Args: os.Args[1:], Env: workerEnv(os.Environ()), Store: conf.Store.Value}
	info := workerInfo{Config: conf}
	if info.Sources, info.Sets, err = readSourceFlags(c); err != nil {
		return err
	}
	for _, s := range info.Sources {
		if err := openToAll(s.Repo); err != nil {
			return fmt.Errorf("%s: --source %s=%s: %w", typedVerb(c), s.Name, s.Where, err)
		}
	}
	if dir := conf.Recipes.Value; files && dir != "" {
		root, err := os.OpenRoot(dir)
		if err != nil {
			return fmt.Errorf("%s: %w", typedVerb(c), err)
		}
		defer root.Close()
		folders, closeFolders, err := openFolders(info.Sources)
		if err != nil {
			return fmt.Errorf("%s: %w", typedVerb(c), err)
		}
		defer closeFolders()
		job.Files, info.Shown, info.Files = map[string]fs.FS{recipesTree: recipe.View(root.FS())}, shownDir(dir), true
		for name, files := range folders {
			job.Files[sourceTree(name)] = files
		}
	}
	var keys *keyboard
	if typedVerb(c) == "shell" {
		info.Terminal = onTerminal()
		if keys, err = newKeyboard(os.Stdin); err != nil {
			return fmt.Errorf("%s: %w", typedVerb(c), err)
		}
		defer keys.Close()
		if job.Stdin = keys; !info.Terminal {
			if err := keys.begin(false); err != nil {
				return err
			}
		}
	}
	if job.Info, err = json.Marshal(info); err != nil {
		return err
	}
	records, err := openRecordFiles(c)
	if err != nil {
		return fmt.Errorf("%s: %w", typedVerb(c), err)
	}
	job.Put = func(kind, name string, size int64, r io.Reader) error {
		// What a verb does not make, its worker has no business to hand over.
		builder := c.Args().First()
		switch {
		case kind == kindPackage && typedVerb(c) == "realize" && isPackageFile(name, c.Bool("source-package") || c.String("format") == string(recipe.FormatDsc)):
			return realize.PutFile(c.String("out"), name, r)
		case kind == kindLock && c.Bool("write-lock") && (name == builder+".lock" || name == builder+".files"):
			return putLock(conf.Recipes.Value, name, r)
		case kind == kindLock && typedVerb(c) == "lock" && isBuilderLock(conf.Recipes.Value, name):
			return putLock(conf.Recipes.Value, name, r)
		case kind == kindRecipe && (typedVerb(c) == "lock" || typedVerb(c) == "update"):
			return putRecipeLock(conf.Recipes.Value, name, r)
		}
		if kind == kindTerminal && info.Terminal {
			if known, err := keys.takeTerminal(name); known {
				return err
			}
		}
		if asked, err := records.take(kind, r); asked {
			return err
		}
		return fmt.Errorf("worker: hands over a %s %q", kind, name)
	}
	code, err := worker.Run(c.Context, job)
	switch {
	case err != nil:
		err = fmt.Errorf("%s: %w", typedVerb(c), err)
	case code != exitDone:
		err = &exitError{code: code}
	}
	return unrecorded(typedVerb(c), err, records.close())
}

// isPackageFile reports whether a worker may hand over a file of this name: one of a
// package, or where sources are asked for, of a source package (dsc(5), deb-src(5)).
func isPackageFile(name string, sources bool) bool {
	endings := []string{".deb", ".udeb", ".rpm"}
	if sources {
		endings = append(endings, ".dsc", ".tar.gz", ".tar.xz", ".tar.bz2", ".tar.lzma", ".diff.gz", ".asc")
	}
	return slices.ContainsFunc(endings, func(e string) bool { return strings.HasSuffix(name, e) })
}

// Names of the trees that a worker gets.
const recipesTree = "recipes"

// sourceTree needs no slash, and no name of a source has a +.
func sourceTree(name recipe.SourceName) string {
	return "source-" + strings.ReplaceAll(name.String(), "/", "+")
}

// workerEnv keeps of root's environment what a worker needs: the rest may hold
// secrets, which its uid could read.
func workerEnv(env []string) []string {
	var kept []string
	for _, e := range env {
		name, _, _ := strings.Cut(e, "=")
		switch strings.ToLower(name) {
		case "path", "term", "lang", "no_color", "http_proxy", "https_proxy", "no_proxy", "ssl_cert_file", "ssl_cert_dir", "tz":
		default:
			if !strings.HasPrefix(name, "LC_") && !strings.HasPrefix(name, "GO") {
				continue
			}
		}
		kept = append(kept, e)
	}
	return kept
}

// output returns where package files go: to dir, or to the parent.
func (c *console) output(s *store.Store, dir string) realize.Out {
	if c.worker != nil {
		return &parentOut{store: s, worker: c.worker}
	}
	return realize.OutDir(s, dir)
}

type parentOut struct {
	store  *store.Store
	worker *workerSide
	mu     sync.Mutex // guards the pipe: one file at a time
}

// Put reads the blob before the parent hears of it: from then on it wants the
// whole of it, and nothing else can follow.
func (o *parentOut) Put(name string, d digest.Digest, _ int64) error {
	if err := o.store.CheckBlob(d); err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	blob, err := o.store.OpenBlob(d)
	if err != nil {
		return err
	}
	defer blob.Close()
	return o.worker.Put(kindPackage, name, blob.Size, blob)
}

func (o *parentOut) Close() error { return nil }
