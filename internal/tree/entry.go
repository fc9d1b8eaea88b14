package tree

import (
	"slices"
	"strings"

	"github.com/fuel-infra/pbuild/store/digest"
)

// Kind is the type of an entry, as one letter; ledgers and digests spell it so.
type Kind byte

// The kinds of entries.
const (
	File     Kind = 'f' // regular file; Size and Digest are set
	Dir      Kind = 'd'
	Symlink  Kind = 'l' // Link is the target, as it is written in the link
	HardLink Kind = 'h' // Link is the path of the File that carries the bytes
	CharDev  Kind = 'c' // Major and Minor are set
	BlockDev Kind = 'b' // Major and Minor are set
	FIFO     Kind = 'p'
	Whiteout Kind = 'w' // Path is absent although a lower layer has it
	Opaque   Kind = 'o' // the marker in a directory that hides its lower content: Path is DIR/.wh..wh..opq
)

var kindNames = map[Kind]string{
	File: "file", Dir: "directory", Symlink: "symlink", HardLink: "hard link", CharDev: "character device",
	BlockDev: "block device", FIFO: "fifo", Whiteout: "whiteout", Opaque: "opaque marker",
}

// String returns the word for people: "file", "directory", …
func (k Kind) String() string {
	if s, ok := kindNames[k]; ok {
		return s
	}
	return "kind " + quoteField(string(rune(k)))
}

// Entry is one path of a tree. Fields that a kind does not use are zero.
type Entry struct {
	Path         string // relative, slashes, clean, without a leading "./"; the root is "."
	Kind         Kind
	Mode         uint32 // 07777: permission, setuid, setgid and sticky bits; 0777 for a symlink
	UID, GID     int
	Size         int64 // bytes; File only
	MTime        int64 // seconds since 1970
	Link         string
	Major, Minor uint32
	Xattrs       map[string]string
	Digest       digest.Digest // of the bytes; File only
}

// Ledger lists a tree, sorted bytewise by Path, each path once.
type Ledger []Entry

// Find returns the entry of a path, by binary search.
func (l Ledger) Find(path string) (Entry, bool) {
	i, ok := slices.BinarySearchFunc(l, path, func(e Entry, p string) int { return strings.Compare(e.Path, p) })
	if !ok {
		return Entry{}, false
	}
	return l[i], true
}

// Sort brings entries into a ledger's order.
func (l Ledger) Sort() {
	slices.SortFunc(l, func(a, b Entry) int { return strings.Compare(a.Path, b.Path) })
}

// split returns the parent directory and the last component of a clean path.
func split(path string) (dir, name string) {
	i := strings.LastIndexByte(path, '/')
	if i < 0 {
		return ".", path
	}
	return path[:i], path[i+1:]
}
