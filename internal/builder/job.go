package builder

import (
	"context"
	"errors"
	"time"

	"github.com/fuel-infra/pbuild/internal/event"
	"github.com/fuel-infra/pbuild/recipe"
	"github.com/fuel-infra/pbuild/store"
	"github.com/fuel-infra/pbuild/store/digest"
)

// job is one layer to find or to make over what is below it: a builder's, or an
// extension's.
type job struct {
	name     string // what the events call it
	root     string // what names the image in the store
	packages func() ([]recipe.Package, error)
	date     time.Time // of the archive; file times are lowered to it
	size     int64     // of the layer's tar, bytes; 0: unknown

	want    digest.Digest   // the image's; zero: whatever it comes to
	builder *recipe.Builder // whose lock says want; nil for an extension
}

func (j job) node() event.Node { return event.Node{Name: j.name, Format: Format} }

// build returns the job of a builder that has a lock.
func (m *Maker) build(b *recipe.Builder) job {
	return job{
		name: b.Name, root: b.Name, packages: func() ([]recipe.Package, error) { return m.Recipes.Packages(b) },
		date: b.Lock.Release.Date, size: b.Lock.Size, want: b.Lock.Builder, builder: b,
	}
}

// ensure returns the job's image over the one below it.
func (m *Maker) ensure(ctx context.Context, j job, base *Image, l *look) (*Image, error) {
	image, err := m.find(ctx, j, l)
	if err == nil || !errors.Is(err, store.ErrNotFound) {
		return image, err
	}
	m.emit(event.Event{Node: j.node(), State: event.Waiting})
	unlock, err := m.Store.LockName(ctx, "builder-"+j.root)
	if err != nil {
		return nil, err
	}
	defer unlock()
	// Another process may have made it meanwhile.
	if image, err = m.find(ctx, j, l); err == nil || !errors.Is(err, store.ErrNotFound) {
		if err == nil {
			m.emit(event.Event{Node: j.node(), State: event.Cached})
		}
		return image, err
	}
	begun := time.Now()
	image, err = m.makeWanted(ctx, j, base)
	end := event.Event{Node: j.node(), State: event.Built, Seconds: time.Since(begun).Seconds()}
	if err != nil {
		end.State, end.Err = event.Failed, ctx.Err() // why is told with what needed the image
	}
	m.emit(end)
	return image, err
}

// makeWanted makes the image that the job wants, and keeps no other.
func (m *Maker) makeWanted(ctx context.Context, j job, base *Image) (*Image, error) {
	made, err := m.make(ctx, j, base)
	if err != nil {
		return nil, err
	}
	defer made.close()
	if !j.want.IsZero() && made.digest != j.want {
		return nil, m.mismatch(j.builder, made)
	}
	return m.keep(j, base, made)
}

// remake makes a builder's image whatever its lock says, keeps it, and returns
// it with the lock and the text of NAME.files that describe it.
func (m *Maker) remake(ctx context.Context, j job, base *Image) (*Image, *recipe.BuilderLock, []byte, error) {
	unlock, err := m.Store.LockName(ctx, "builder-"+j.root)
	if err != nil {
		return nil, nil, nil, err
	}
	defer unlock()
	begun := time.Now()
	made, err := m.make(ctx, j, base)
	if err != nil {
		return nil, nil, nil, err
	}
	defer made.close()
	lock := *j.builder.Lock
	lock.Builder, lock.Size = made.digest, made.size
	files := made.generatedText()
	lock.Files = digest.Of(files)
	image, err := m.keep(j, base, made)
	if err != nil {
		return nil, nil, nil, err
	}
	m.emit(event.Event{Node: j.node(), State: event.Built, Seconds: time.Since(begun).Seconds()})
	return image, &lock, files, nil
}
