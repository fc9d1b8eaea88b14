package builder

import (
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/fuel-infra/pbuild/internal/event"
	"github.com/fuel-infra/pbuild/internal/tree"
	"github.com/fuel-infra/pbuild/recipe"
	"github.com/fuel-infra/pbuild/sandbox"
	"github.com/fuel-infra/pbuild/store"
	"github.com/fuel-infra/pbuild/store/digest"
)

// made is a layer that was made but not yet kept.
type made struct {
	tree     *store.TreeWriter
	ledger   tree.Ledger
	packages []recipe.Package
	packaged map[string]tree.Entry // what its packages bring
	diffID   digest.Digest
	size     int64 // of the uncompressed tar
	blob     digest.Digest
	blobSize int64
	config   []byte        // OCI config of the whole image
	digest   digest.Digest // of config
}

func (l *made) close() { l.tree.Close() }

// make fetches the job's packages and makes the layer over base.
func (m *Maker) make(ctx context.Context, j job, base *Image) (_ *made, err error) {
	packages, err := j.packages()
	if err != nil {
		return nil, err
	}
	// Where there can be no sandbox, a hundred megabytes are not fetched for it.
	if err := m.trySandbox(ctx); err != nil {
		return nil, err
	}
	if err := m.fetch(ctx, j.node(), packages); err != nil {
		return nil, err
	}
	l := &made{packages: packages}
	if l.tree, err = m.Store.NewTree(); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			l.close()
		}
	}()
	var lower []tree.Ledger
	if base == nil {
		l.packaged, err = m.bootstrap(ctx, j, packages, l.tree.Dir)
	} else {
		for _, under := range base.Layers {
			lower = append(lower, under.Tree.Ledger)
		}
		l.packaged, err = m.install(ctx, j, packages, base, l.tree.Dir)
	}
	if err != nil {
		return nil, err
	}
	if err := m.tidy(l, base != nil); err != nil {
		return nil, err
	}
	if err := m.capture(ctx, j, l, lower); err != nil {
		return nil, err
	}
	l.config, err = imageConfig(j.date, m.Arch, base, l.diffID)
	l.digest = digest.Of(l.config)
	return l, err
}

// trySandbox says which stage of a sandbox this host refuses, as a
// *sandbox.StageError.
func (m *Maker) trySandbox(ctx context.Context) error {
	scratch, err := m.Store.Scratch("try")
	if err != nil {
		return err
	}
	defer scratch.Close()
	for _, s := range sandbox.Check(ctx, scratch.Dir) {
		if s.Err != nil {
			return &sandbox.StageError{Stage: s.Name, Err: s.Err, Hint: s.Hint}
		}
	}
	return ctx.Err()
}

// tidy removes from the layer what is no part of a system.
func (m *Maker) tidy(l *made, overlay bool) error {
	root, err := os.OpenRoot(l.tree.Dir)
	if err != nil {
		return err
	}
	defer root.Close()
	return clean(root, func(name string) bool {
		_, ok := l.packaged[name]
		return ok
	})
}

// capture writes the layer as a blob, zstd over the canonical tar, and makes what
// is on disk the same as what unpacking that blob would give.
func (m *Maker) capture(ctx context.Context, j job, l *made, lower []tree.Ledger) error {
	blob, err := m.Store.Create()
	if err != nil {
		return err
	}
	defer blob.Close()
	z, err := zstd.NewWriter(blob, zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		return err
	}
	defer z.Close() // also after an error: its goroutine writes to blob, which closes next
	owners := map[string]tree.Entry{}
	for _, under := range lower {
		for _, e := range under {
			owners[e.Path] = e
		}
	}
	for name, e := range l.packaged {
		owners[name] = e
	}
	h := digest.NewHasher()
	progress := &counter{total: j.size, report: func(done, total int64) {
		m.emit(event.Event{Node: j.node(), State: event.Storing, Done: done, Total: total})
	}}
	l.ledger, err = tree.WriteLayer(ctx, io.MultiWriter(h, z, progress), tree.Capture{
		Dir: l.tree.Dir, Owners: owners, Clamp: j.date.Unix(),
		Overlay: lower != nil, Lower: lower,
	})
	if err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	l.diffID, l.size = h.Digest(), h.Size()
	if l.blob, l.blobSize, err = blob.Commit(nil); err != nil {
		return err
	}
	return tree.Settle(ctx, l.tree.Dir, l.ledger)
}

// counter reports how many bytes went through it, about every MiB.
type counter struct {
	done, told, total int64
	report            func(done, total int64)
}

func (c *counter) Write(p []byte) (int, error) {
	c.done += int64(len(p))
	if c.done-c.told >= 1<<20 {
		c.told = c.done
		c.report(c.done, c.total)
	}
	return len(p), nil
}

// environment is what maintainer scripts see. With SOURCE_DATE_EPOCH the .pyc
// files that they compile hold hashes instead of times, and PYTHONHASHSEED
// fixes the order of what is written from sets.
func environment(date time.Time) []string {
	return []string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"HOME=/root",
		"LC_ALL=C.UTF-8",
		"TZ=UTC",
		"DEBIAN_FRONTEND=noninteractive",
		"DEBCONF_NONINTERACTIVE_SEEN=true",
		"PYTHONHASHSEED=0",
		"SOURCE_DATE_EPOCH=" + strconv.FormatInt(date.Unix(), 10),
	}
}

// run runs a maintainer step in the sandbox; what it prints comes back in the
// error when it fails.
func (m *Maker) run(ctx context.Context, j job, s sandbox.Spec) error {
	out := event.NewTail(func(line string) {
		m.emit(event.Event{Node: j.node(), State: event.Configuring, Step: line})
	})
	s.Env, s.Dir, s.Stdout, s.Stderr, s.Limits = environment(j.date), "/", out, out, SandboxLimits(m.Limits)
	s.Copying = func(why error) {
		m.emit(event.Event{Node: j.node(), State: event.Configuring, Step: "copying the layers below: no overlay in the store's file system: " + why.Error()})
	}
	if err := sandbox.Run(ctx, s); err != nil {
		return &ConfigureError{Err: err, Log: out.Last(s.Argv)}
	}
	return nil
}

// ConfigureError says that a package's maintainer script, or dpkg itself,
// failed, or that the sandbox for it could not be made.
type ConfigureError struct {
	Err error
	Log event.LogTail
}

func (e *ConfigureError) Error() string {
	return fmt.Sprintf("configure: %v", e.Err)
}

func (e *ConfigureError) Unwrap() error { return e.Err }
