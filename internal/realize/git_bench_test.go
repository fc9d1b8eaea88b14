package realize_test

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing/fstest"

	"github.com/fuel-infra/pbuild/internal/event"
	"github.com/fuel-infra/pbuild/internal/realize"
	"github.com/fuel-infra/pbuild/internal/testenv"
	"github.com/fuel-infra/pbuild/internal/tree"
	"github.com/fuel-infra/pbuild/recipe"
	"github.com/fuel-infra/pbuild/store/digest"
)

// upstream is a made-up recipe of both formats whose source is a commit on a
// server, with debian/ and the spec in it.
type upstream struct {
	*bench
	*testenv.GitServer
	repo    *testenv.Repository
	name    string
	content map[string]string // of the commit, by path
	top     string            // further lines of recipe.yaml
	sources string            // likewise of its sources
	rpm     string            // likewise of the section rpm
	locked  recipe.Locked
	tree    digest.Digest // what the commit's tree is
}

// writeGit makes a repository, its server and a recipe with a lock that fits.
// Each package holds the names at the top of its source, of which data is one.
func (b *bench) writeGit(name, data string) *upstream {
	b.t.Helper()
	files := map[string]string{"data": data + "upstream of " + name + "\n"}
	for path, body := range (made{script: "mkdir -p debian/" + name + "\nls -A >debian/" + name + "/list\npack " + name + "\n"}).debian(name) {
		files["debian/"+path] = body
	}
	files["debian/rules"] = "100755 " + files["debian/rules"]
	files[name+".spec"] = madeRPM{scripts: fmt.Sprintf("%%prep\n%%setup -q\n%%install\nmkdir -p %%{buildroot}/usr/share\nls -A >%%{buildroot}/usr/share/%s\n", name)}.text(name)
	u := &upstream{bench: b, repo: testenv.NewRepository(b.t), name: name, content: files}
	u.GitServer = testenv.ServeGit(b.t, u.repo)
	u.commit()
	u.write("", nil)
	return u
}

// commit commits the files as they are now, and locks that.
func (u *upstream) commit() {
	u.t.Helper()
	id := u.repo.Commit("main", "made up", u.content)
	fsys := fstest.MapFS{}
	for path, body := range u.content {
		f := &fstest.MapFile{Data: []byte(body), Mode: 0o644}
		if program, ok := strings.CutPrefix(body, "100755 "); ok {
			f = &fstest.MapFile{Data: []byte(program), Mode: 0o755}
		}
		fsys[path] = f
	}
	var err error
	if u.tree, err = tree.Digest(fsys); err != nil {
		u.t.Fatal(err)
	}
	u.locked = recipe.Locked{
		Version: "1-1", Epoch: testenv.FirstCommit + 10*int64(u.locked.Count),
		Ref: id, Commit: id, Tree: u.tree, Count: u.locked.Count + 1,
	}
}

// write puts the recipe into the collection, with further lines of both formats,
// and its lock, after change, where that is not nil, has made of it what it wants.
func (u *upstream) write(more string, change func(*recipe.Lock)) {
	u.t.Helper()
	lock := &recipe.Lock{Sources: map[string]recipe.Locked{recipe.Main: u.locked}, Deb: &recipe.BuildLock{}, RPM: &recipe.BuildLock{}}
	if change != nil {
		change(lock)
	}
	ref := lock.Sources[recipe.Main].Ref
	yaml := fmt.Sprintf("format: 1\nname: %s\nsummary: Made up\nlicense: Apache-2.0\nsources:\n  main: {git: %q, ref: %q}\n", u.name, u.URL, ref)
	for line := range strings.Lines(u.sources) {
		yaml += "  " + line
	}
	yaml += u.top
	for _, format := range []string{"deb:\n  builder: debian-12-deb\n", "rpm:\n  builder: debian-12-rpm\n  spec: " + u.name + ".spec\n  source0: {name: " + u.name + ", layout: prefixed}\n" + u.rpm} {
		yaml += format + "  outputs: [" + u.name + "]\n"
		for line := range strings.Lines(more) {
			yaml += "  " + line
		}
	}
	u.files[u.name+"/recipe.yaml"] = &fstest.MapFile{Data: []byte(yaml)}
	u.files[u.name+"/"+recipe.LockName] = &fstest.MapFile{Data: lock.Text()}
	u.reload()
}

// clone returns the folder of a clone, as people have it.
func (u *upstream) clone() (dir string, files fs.FS) {
	u.t.Helper()
	dir = filepath.Join(u.t.TempDir(), "clone")
	if _, err := testenv.RunGit("/", "", "clone", "-q", u.repo.Dir, dir); err != nil {
		u.t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		u.t.Fatal(err)
	}
	u.t.Cleanup(func() { root.Close() })
	return dir, tree.Worktree(root.FS())
}

// give puts a folder in the place of a recipe's main source.
func (b *bench) give(name, dir string, files fs.FS) {
	b.Given = map[recipe.SourceName]realize.Given{{Recipe: name, Source: recipe.Main}: {Where: dir, Files: files}}
}

// fetched returns the targets that fetched something, and forgets.
func (b *bench) fetched() map[string]bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := map[string]bool{}
	for _, e := range b.events {
		if e.State == event.Fetching {
			out[e.Node.Name+" "+e.Node.Format] = true
		}
	}
	b.events = nil
	return maps.Clone(out)
}
