package recipe

import (
	"errors"

	"github.com/fuel-infra/pbuild/internal/yamldoc"
)

// LockName is the name of a recipe's lock, beside recipe.yaml.
const LockName = "recipe.lock"

// ErrLock marks a recipe whose recipe.lock is missing or was made for other
// sources.
var ErrLock = errors.New("recipe.lock does not fit")

// Stamp is what a source says of itself in its newest changelog entry, and what
// a build stamps.
type Stamp struct {
	Version string // with Debian epoch and revision, e.g. 1:2.0-1
	Epoch   int64  // SOURCE_DATE_EPOCH: seconds since 1970
}

// Lock is recipe.lock: what a machine found out about sources that are not in
// the recipe's folder, so that a key needs neither network nor their files.
type Lock struct {
	Sources map[string]Stamp // by name of the source
}

// maxEpoch is the end of year 9999.
const maxEpoch = 253402300799

func parseLock(file string, data []byte, sources map[string]Source) (*Lock, error) {
	doc, err := yamldoc.Parse(file, data)
	if err != nil {
		return nil, err
	}
	f, err := beginning(doc, "format", "sources")
	if err != nil {
		return nil, err
	}
	l := &Lock{Sources: map[string]Stamp{}}
	for _, e := range f.Need("sources").Entries() {
		name := e.Key.Text()
		if _, ok := sources[name].(Dsc); !ok {
			e.Key.Errorf("the recipe has no such source, or one that is not locked")
		}
		s := e.Value.Fields("version", "epoch")
		l.Sources[name] = Stamp{
			Version: yamldoc.As(s.Need("version"), parseVersion),
			Epoch:   s.Need("epoch").Int(1, maxEpoch),
		}
	}
	if err := doc.Err(); err != nil {
		return nil, err
	}
	return l, nil
}
