package git

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/fuel-infra/pbuild/internal/tree"
)

// checkName refuses a path of a tree that is not clean (tree.Unpack takes a
// leading "./" for none), and one in which a part is .git to some file system:
// what stands there would be a repository for the next git that runs in the
// directory, with its hooks and configuration.
func checkName(p string) error {
	for c := range strings.SplitSeq(p, "/") {
		if c == "" || c == "." || c == ".." {
			return fmt.Errorf("%w: %s: not clean", tree.ErrUnsafe, strconv.QuoteToASCII(p))
		}
		for part := range strings.SplitSeq(c, `\`) {
			if isDotGit(part) {
				return fmt.Errorf("%w: %s: .git, for some file systems", tree.ErrUnsafe, strconv.QuoteToASCII(p))
			}
		}
	}
	return nil
}

// isDotGit reports whether a name is .git as git's is_ntfs_dotgit and
// is_hfs_dotgit have it: in any case, with dots and blanks at the end, as the
// short name GIT~1, with an NTFS stream after a colon, or with characters in it
// that HFS+ ignores.
func isDotGit(name string) bool {
	name, _, _ = strings.Cut(name, ":")
	name = strings.Map(func(r rune) rune {
		switch {
		case r >= 0x200c && r <= 0x200f, r >= 0x202a && r <= 0x202e, r >= 0x206a && r <= 0x206f, r == 0xfeff:
			return -1
		}
		return r
	}, name)
	name = strings.TrimRight(name, ". ")
	return strings.EqualFold(name, ".git") || strings.EqualFold(name, "git~1")
}
