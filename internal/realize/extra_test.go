package realize_test

import (
	"bytes"
	"maps"
	"slices"
	"testing/fstest"
	"time"

	"github.com/fuel-infra/pbuild/recipe"
	"github.com/fuel-infra/pbuild/store/digest"
)

// archiveDate is that of the archive in locks that tests write.
var archiveDate = time.Date(2026, 7, 11, 10, 16, 37, 0, time.UTC)

// lockExtra writes a recipe's lock and list: what one format asks for, and packages
// over the builder. The recipe's packages: are the list's, but for libraries.
func (b *bench) lockExtra(name string, f recipe.Format, depends []string, packages []recipe.Package) {
	b.t.Helper()
	var list bytes.Buffer
	if err := recipe.WritePackages(&list, packages); err != nil {
		b.t.Fatal(err)
	}
	rec, err := b.loaded().Unlocked(name)
	if err != nil {
		b.t.Fatal(err)
	}
	l := &recipe.BuildLock{
		Asked:    recipe.Asked{Depends: slices.Sorted(slices.Values(depends)), Extra: rec.Build(f).Packages},
		Packages: digest.Of(list.Bytes()),
		Release:  recipe.Release{Date: archiveDate, InRelease: digest.Of([]byte("made up"))},
	}
	lock := &recipe.Lock{}
	if f == recipe.FormatRPM {
		lock.RPM = l
	} else {
		lock.Deb = l
	}
	b.files[name+"/"+recipe.LockName] = &fstest.MapFile{Data: lock.Text()}
	b.files[name+"/"+recipe.PackagesName(f)] = &fstest.MapFile{Data: list.Bytes()}
}

// loaded returns the collection as it is now, without making the Realizer see it.
func (b *bench) loaded() *recipe.Collection {
	b.t.Helper()
	c, err := recipe.LoadCollection(maps.Clone(b.files))
	if err != nil {
		b.t.Fatal(err)
	}
	return c
}
