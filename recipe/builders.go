package recipe

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"sync"

	"github.com/fuel-infra/pbuild/internal/yamldoc"
	"github.com/fuel-infra/pbuild/store/digest"
)

// maxList bounds NAME.packages and NAME.files, in bytes.
const maxList = 64 << 20

// BuilderNames returns the names of all builders, sorted.
func (c *Collection) BuilderNames() ([]string, error) { return c.folderNames("builders") }

// Builder reads builders/NAME.yaml and NAME.lock; without the latter Lock is
// nil. Errors as Recipe's.
func (c *Collection) Builder(name string) (*Builder, error) {
	file, data, err := c.named("builder", name)
	if err != nil {
		return nil, err
	}
	b, err := parseBuilder(c.shown(file), name, data)
	if err != nil {
		return nil, err
	}
	file = path.Join("builders", name+".lock")
	data, err = c.read(file, yamldoc.MaxSize)
	if errors.Is(err, fs.ErrNotExist) {
		return b, nil
	}
	if err != nil {
		return nil, err
	}
	if b.Lock, err = parseBuilderLock(c.shown(file), b.Suite, data); err != nil {
		return nil, err
	}
	return b, nil
}

// Chain returns a builder and those below it, the bottom layer first. A base
// that is unknown, of another suite, or above itself is an error.
func (c *Collection) Chain(name string) ([]*Builder, error) { return c.Builders().Chain(name) }

// ChainOf is Chain for the builder of one format of a recipe; one that is
// unknown is reported where the recipe names it.
func (c *Collection) ChainOf(r *Recipe, f Format) ([]*Builder, error) {
	return c.Builders().ChainOf(r, f)
}

// Builders reads the builders of a collection, each once, for who asks for those of
// many recipes. It is safe for concurrent use.
type Builders struct {
	all *Collection

	mu   sync.Mutex // guards read
	read map[string]func() (*Builder, error)
}

// Builders returns what reads the builders as they are from now on.
func (c *Collection) Builders() *Builders {
	return &Builders{all: c, read: map[string]func() (*Builder, error){}}
}

// Builder is the Collection's.
func (bs *Builders) Builder(name string) (*Builder, error) {
	bs.mu.Lock()
	read, ok := bs.read[name]
	if !ok {
		read = sync.OnceValues(func() (*Builder, error) { return bs.all.Builder(name) })
		bs.read[name] = read
	}
	bs.mu.Unlock()
	return read()
}

// Chain is the Collection's.
func (bs *Builders) Chain(name string) ([]*Builder, error) {
	var chain []*Builder
	for name != "" {
		b, err := bs.Builder(name)
		if len(chain) > 0 {
			above := chain[0]
			var unknown *UnknownError
			switch {
			case slices.ContainsFunc(chain, func(o *Builder) bool { return o.Name == name }):
				return nil, above.at.Errorf("base: %s stands on itself", name)
			case errors.As(err, &unknown):
				return nil, above.at.Errorf("base: %w", err)
			case err == nil && b.Suite != above.Suite:
				return nil, above.at.Errorf("base: %s is of %s, %s of %s", name, b.Suite, above.Name, above.Suite)
			}
		}
		if err != nil {
			return nil, err
		}
		chain = slices.Insert(chain, 0, b)
		name = b.Base
	}
	return chain, nil
}

// ChainOf is the Collection's.
func (bs *Builders) ChainOf(r *Recipe, f Format) ([]*Builder, error) {
	b := r.Build(f)
	chain, err := bs.Chain(b.Builder)
	var unknown *UnknownError
	if errors.As(err, &unknown) && unknown.Name == b.Builder {
		return nil, b.at.builder.Errorf("%s.builder: %w", f, err)
	}
	return chain, err
}

// Packages reads builders/NAME.packages and compares it with the lock, if any.
func (c *Collection) Packages(b *Builder) ([]Package, error) {
	file := path.Join("builders", b.Name+".packages")
	var want digest.Digest
	if b.Lock != nil {
		want = b.Lock.Packages
	}
	data, err := c.locked(file, want)
	if err != nil {
		return nil, err
	}
	list, err := ParsePackages(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.shown(file), err)
	}
	return list, nil
}

// ExtraPackages reads the packages that a recipe's lock adds to its builder for
// a format, none where it adds none.
func (c *Collection) ExtraPackages(r *Recipe, f Format) ([]Package, error) {
	l := r.Lock.Build(f)
	if l == nil || l.Packages.IsZero() {
		return nil, nil
	}
	file := path.Join(LockFolder(r.Name), PackagesName(f))
	data, err := c.locked(file, l.Packages)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrLock, err)
	}
	list, err := ParsePackages(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.shown(file), err)
	}
	return list, nil
}

// Files reads builders/NAME.files, which lists what the image holds, and
// compares it with the lock. Without one in the lock: fs.ErrNotExist.
func (c *Collection) Files(b *Builder) ([]byte, error) {
	file := path.Join("builders", b.Name+".files")
	if b.Lock == nil || b.Lock.Files.IsZero() {
		return nil, fmt.Errorf("%s: not locked: %w", c.shown(file), fs.ErrNotExist)
	}
	return c.locked(file, b.Lock.Files)
}

// locked reads a file whose digest a lock holds; zero compares nothing.
func (c *Collection) locked(file string, want digest.Digest) ([]byte, error) {
	data, err := c.read(file, maxList)
	if err != nil {
		return nil, err
	}
	if got := digest.Of(data); !want.IsZero() && got != want {
		return nil, fmt.Errorf("%s: is %s: the lock says %s", c.shown(file), got.Short(), want.Short())
	}
	return data, nil
}
