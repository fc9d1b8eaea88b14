package realize_test

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/fuel-infra/pbuild/internal/event"
	"github.com/fuel-infra/pbuild/internal/realize"
	"github.com/fuel-infra/pbuild/recipe"
)

// watcher sees which files below a directory are written, made, moved or removed.
type watcher struct {
	t    *testing.T
	fd   int
	dirs map[int32]string
}

// watch begins; files of the directory skip don't count.
func watch(t *testing.T, dir, skip string) *watcher {
	t.Helper()
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	w := &watcher{t, fd, map[int32]string{}}
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		if path == filepath.Join(dir, skip) || filepath.Base(filepath.Dir(path)) == "trees" {
			return fs.SkipDir
		}
		id, err := unix.InotifyAddWatch(fd, path, unix.IN_CLOSE_WRITE|unix.IN_MODIFY|unix.IN_ATTRIB|unix.IN_CREATE|unix.IN_DELETE|unix.IN_MOVE)
		w.dirs[int32(id)] = path
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// seen returns the paths since the last call.
func (w *watcher) seen() (paths []string) {
	w.t.Helper()
	buf := make([]byte, 64<<10)
	for {
		n, err := unix.Read(w.fd, buf)
		if errors.Is(err, unix.EAGAIN) {
			return slices.Compact(paths)
		}
		if err != nil {
			w.t.Fatal(err)
		}
		for b := buf[:n]; len(b) > 0; { // struct inotify_event, inotify(7)
			size := binary.NativeEndian.Uint32(b[12:])
			name := strings.TrimRight(string(b[16:16+size]), "\x00")
			paths = append(paths, filepath.Join(w.dirs[int32(binary.NativeEndian.Uint32(b))], name))
			b = b[16+size:]
		}
	}
}

// TestHitWritesNothing: a second realize writes to no file of the store, and
// opens none for writing but locks.
func TestHitWritesNothing(t *testing.T) {
	// Not parallel: other tests write to the common store.
	b := newBench(t)
	b.write("hit", made{require: "{hit: [/usr/share/hit]}"})
	w := watch(t, b.store.Dir(), "locks")
	first := b.realize("hit", event.Built)
	if w.seen() == nil {
		t.Fatal("the watcher does not see what a build writes")
	}
	if got := b.states("hit"); !slices.Equal(got, []event.State{event.Queued, event.Waiting, event.Building, event.Built}) {
		t.Errorf("states %q", got)
	}
	again := openBench(t, b.store.Dir())
	again.write("hit", made{require: "{hit: [/usr/share/hit]}"})
	second := again.realize("hit", event.Cached)
	if got := w.seen(); got != nil {
		t.Errorf("written: %q", got)
	}
	if got := again.states("hit"); !slices.Equal(got, []event.State{event.Queued, event.Cached}) {
		t.Errorf("states %q", got)
	}
	if got, want := *second.Realization, *first.Realization; !got.Finished.Equal(want.Finished) {
		t.Errorf("finished %s, then %s", want.Finished, got.Finished)
	} else if got.Finished = want.Finished; !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, recorded %+v", got, want)
	}
	b.clean()
}

// TestOneBuildsForAll: of several that want a key at once, one builds it.
func TestOneBuildsForAll(t *testing.T) {
	t.Parallel()
	const many = 3
	var ended []event.State
	var digests []string
	var mu sync.Mutex
	var all sync.WaitGroup
	for range many {
		b := newBench(t)
		b.write("together", made{script: "sleep 0.5\n"})
		all.Go(func() {
			p, err := b.Plan(t.Context(), []realize.Target{{Name: "together", Format: recipe.FormatDeb}})
			if err != nil {
				t.Error(err)
				return
			}
			results, err := b.Realize(t.Context(), p)
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			ended = append(ended, results[0].State)
			digests = append(digests, results[0].Realization.Finished.String())
		})
	}
	all.Wait()
	slices.Sort(ended)
	if !slices.Equal(ended, []event.State{event.Built, event.Cached, event.Cached}) {
		t.Errorf("ended %q", ended)
	}
	if len(slices.Compact(digests)) != 1 {
		t.Errorf("several realizations: %q", digests)
	}
}

// TestWaitingEnds: one that waits for another's build stops when it is told to.
func TestWaitingEnds(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.write("waited", made{})
	unlock, err := b.store.LockKey(t.Context(), b.node("waited").Key)
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	ctx, cancel := withCancel(t)
	b.watch = func(e event.Event) {
		if e.State == event.Waiting {
			cancel()
		}
	}
	p, err := b.Plan(ctx, []realize.Target{{Name: "waited", Format: recipe.FormatDeb}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Realize(ctx, p); !errors.Is(err, ctx.Err()) || ctx.Err() == nil {
		t.Errorf("got %v", err)
	}
	b.nothing("waited")
}

// TestPlan: what is there already, and what a first run costs.
func TestPlan(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.write("planned", made{})
	b.write("unplanned", made{})
	b.realize("planned", event.Built)
	targets, err := b.Targets([]string{"planned", "unplanned"}, false, "")
	if err != nil {
		t.Fatal(err)
	}
	p, err := b.Plan(t.Context(), targets)
	if err != nil || p.Cached != 1 || len(p.Nodes) != 2 || p.FirstFetch != 0 || p.FirstDisk != 0 {
		t.Errorf("got %+v, %v", p, err)
	}

	empty := openBench(t, filepath.Join(t.TempDir(), "store"))
	empty.write("planned", made{})
	empty.write("unplanned", made{})
	if p, err = empty.Plan(t.Context(), targets); err != nil {
		t.Fatal(err)
	}
	var fetch, disk int64
	for _, name := range []string{"debian-12-base", "debian-12-deb"} {
		one, err := empty.Recipes.Builder(name)
		if err != nil {
			t.Fatal(err)
		}
		packages, err := empty.Recipes.Packages(one)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range packages {
			fetch += p.Size
		}
		disk += one.Lock.Size
	}
	if p.Cached != 0 || p.FirstFetch != fetch || p.FirstDisk != fetch+disk {
		t.Errorf("got %+v, want %d and %d", p, fetch, fetch+disk)
	}
	left, err := os.ReadDir(filepath.Join(empty.store.Dir(), "tmp"))
	if err != nil || len(left) > 0 {
		t.Errorf("a plan leaves %v, %v", left, err)
	}
}
