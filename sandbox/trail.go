package sandbox

import (
	"slices"
	"strings"
)

// trail is the path of an entry, which is put together where it is wanted: the program
// chooses how many entries are how deep. Nil is the root.
type trail struct {
	parent *trail
	name   string
	depth  int
}

func (t *trail) below(name string) *trail {
	if t == nil {
		return &trail{name: name, depth: 1}
	}
	return &trail{parent: t, name: name, depth: t.depth + 1}
}

// path returns it relative to the root.
func (t *trail) path() string {
	var names []string
	for ; t != nil; t = t.parent {
		names = append(names, t.name)
	}
	slices.Reverse(names)
	return strings.Join(names, "/")
}

func (t *trail) String() string { return "/" + t.path() }
