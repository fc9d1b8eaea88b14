package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/fuel-infra/pbuild/internal/builder"
	"github.com/fuel-infra/pbuild/internal/config"
	"github.com/fuel-infra/pbuild/internal/event"
	"github.com/fuel-infra/pbuild/internal/fetch"
	"github.com/fuel-infra/pbuild/internal/limits"
	"github.com/fuel-infra/pbuild/internal/realize"
	"github.com/fuel-infra/pbuild/internal/tree"
	"github.com/fuel-infra/pbuild/recipe"
	"github.com/fuel-infra/pbuild/store"
)

// debianSuite is the codename of the archive that builders are locked against.
const debianSuite = "bookworm"

// errNoCollection says that there are no recipes to look at.
var errNoCollection = errors.New("no collection: neither here nor above is a pbuild.yaml or recipes/pbuild.yaml")

// places is what the flags say of where things are; empty: not given.
type places struct {
	store, config, recipes string
	mirrors                []string
	offline                bool
	sources                []sourceArg
	sets                   []setArg
}

func placesOf(c *cli.Context) places {
	return places{
		store: c.String("store"), config: c.String("config"), recipes: c.String("recipes"),
		mirrors: c.StringSlice("mirror"), offline: c.Bool("offline"),
	}
}

// placesWith is placesOf with what --source and --set say; a worker hears that
// from its parent.
func placesWith(c *cli.Context, con *console) (at places, err error) {
	if at = placesOf(c); con.worker == nil {
		at.sources, at.sets, err = readSourceFlags(c)
	}
	return at, err
}

func mirrorFlag() cli.Flag {
	return &cli.StringSliceFlag{Name: "mirror", Usage: "fetch from the Debian mirror at `URL`; may be repeated"}
}

func offlineFlag() cli.Flag {
	return &cli.BoolFlag{Name: "offline", Usage: "fetch nothing: what the store lacks is an error"}
}

// settings resolves the configuration.
func settings(con *console, at places) (*config.Config, error) {
	if con.worker != nil {
		return con.worker.info.Config, nil
	}
	dir, err := os.Getwd()
	if err != nil {
		return nil, fmt.Errorf("working directory: %w", err)
	}
	flags := config.Flags{Store: at.store, Config: at.config, Recipes: at.recipes, Mirrors: at.mirrors}
	host := config.Host{Env: con.env, Dir: dir, Root: isRoot(), Files: os.DirFS("/"), Plain: config.OpenPlain, RAM: memory()}
	return config.Resolve(flags, host)
}

// openStore opens the store that flags and configuration name; the caller closes
// it.
func openStore(con *console, at places) (*store.Store, error) {
	conf, err := settings(con, at)
	if err != nil {
		return nil, err
	}
	return store.Open(conf.Store.Value)
}

// collection is a folder of recipes that is open, with the sources that are given
// for this run.
type collection struct {
	dir string
	*opened
	recipes *recipe.Collection
	arch    recipe.Arch
}

// openCollection opens the collection that conf names; the caller closes it.
func openCollection(con *console, conf *config.Config, at places) (_ *collection, err error) {
	dir := conf.Recipes.Value
	if dir == "" {
		return nil, errNoCollection
	}
	arch, err := recipe.ParseArch(runtime.GOARCH)
	if err != nil {
		return nil, err
	}
	files, err := con.openFiles(conf, at)
	if err != nil {
		return nil, err
	}
	recipes, err := recipe.LoadCollection(tree.Beneath(files.recipes))
	if err != nil {
		files.close()
		return nil, err
	}
	if recipes.Dir = shownDir(dir); con.worker != nil {
		recipes.Dir = con.worker.info.Shown
	}
	return &collection{dir: dir, opened: files, recipes: recipes, arch: arch}, nil
}

// nodes closes what name means, at least one target, over its inputs. It needs
// no store, and fetches nothing.
func (c *collection) nodes(ctx context.Context, s *store.Store, name string, format recipe.Format) ([]*realize.Node, error) {
	r := realize.Realizer{Store: s, Recipes: c.recipes, Arch: c.arch}
	if err := c.give(ctx, &r); err != nil {
		return nil, err
	}
	targets, err := r.Targets([]string{name}, false, format)
	if err != nil {
		return nil, err
	}
	var nodes []*realize.Node
	for _, t := range targets {
		n, err := r.Node(ctx, t)
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, n)
	}
	return nodes, nil
}

// workplace is what a verb that builds has open.
type workplace struct {
	con *console
	*collection
	store  *store.Store
	fetch  *fetch.Client
	maker  *builder.Maker
	events event.Sink

	limits     limits.Policy
	gitMirrors map[string][]string
	offline    bool
}

// openWorkplace opens collection and store; the caller closes it.
func openWorkplace(con *console, at places, events event.Sink) (_ *workplace, err error) {
	conf, err := settings(con, at)
	if err != nil {
		return nil, err
	}
	w := &workplace{con: con, events: events}
	if w.collection, err = openCollection(con, conf, at); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			w.close()
		}
	}()
	if w.store, err = store.Open(conf.Store.Value); err != nil {
		return nil, err
	}
	w.fetch = fetch.New(w.store, fetch.Mirrors{Suite: debianSuite, Given: conf.Debian.Value, Root: "/"})
	w.fetch.Offline = at.offline
	w.limits, w.offline, w.gitMirrors = conf.Limits, at.offline, map[string][]string{}
	for prefix, to := range conf.Mirrors {
		w.gitMirrors[prefix] = to.Value
	}
	w.maker = &builder.Maker{Store: w.store, Fetch: w.fetch, Recipes: w.recipes, Arch: w.arch, Events: events, Limits: conf.Limits.Default}
	return w, nil
}

// realizer returns a Realizer for what is open, with the sources that are given
// for this run.
func (w *workplace) realizer(ctx context.Context) (*realize.Realizer, error) {
	r := w.bareRealizer()
	return r, w.give(ctx, r)
}

// bareRealizer is realizer without those sources.
func (w *workplace) bareRealizer() *realize.Realizer {
	return &realize.Realizer{
		Store: w.store, Images: w.maker, Fetch: w.fetch, Recipes: w.recipes, Arch: w.arch, Events: w.events,
		GitMirrors: w.gitMirrors, Offline: w.offline, Limits: w.limits,
	}
}

func (w *workplace) close() {
	if w.fetch != nil {
		w.fetch.Close()
	}
	if w.store != nil {
		w.store.Close() // what was built is recorded by now
	}
	w.collection.close()
}

// shownDir returns dir as errors show it: relative where it is below the working
// directory.
func shownDir(dir string) string {
	wd, err := os.Getwd()
	if err != nil {
		return dir
	}
	rel, err := filepath.Rel(wd, dir)
	if err != nil || rel == ".." || strings.HasPrefix(rel, "../") {
		return dir
	}
	return rel
}
