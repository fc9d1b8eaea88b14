// Package tree handles file trees as data: it digests and packs source trees,
// writes and unpacks image layers, and compares what stands on disk with what
// was recorded.
//
// An Entry is one path with all that a tar header says of it; a Ledger is a
// sorted list of entries. pbuild works with one uid, so a disk can't hold the
// owners, the setuid and setgid bits, the devices and the extended attributes of
// an image: the disk holds bytes and permission bits, the ledger holds the
// truth. A source tree is less: paths, the executable bit, bytes and link
// targets, and nothing of who checked it out under which umask.
//
// A layer is a tar as the OCI image specification's layer.md has it: a name
// that begins with ".wh." deletes, ".wh..wh..opq" hides a directory's lower
// content. On disk both have the form that overlayfs reads when mounted with
// userxattr: a character device 0:0, and the attribute user.overlay.opaque=y. A
// file system that takes one of these not (overlayfs itself, one without attributes) has
// the names of the tar instead, and .wh..wh.names at the top to say so.
//
// Invariants:
//   - The bytes written for a tree depend on the tree and the arguments alone:
//     not on the uid, the umask, the order in which a directory is read, nor on
//     times other than the recorded ones.
//   - Nothing is reached through a symbolic link. Each directory is opened by
//     name in its parent's descriptor with O_NOFOLLOW; names with "..", absolute
//     names and entries below something that is no directory are refused.
//   - What an archive may cost is bounded before it is paid: entries, bytes,
//     depth, and the bytes of headers.
//
// It is not a general tar tool: sparse files, GNU extensions that write, and
// global headers are refused, and it never changes an owner.
package tree

import "errors"

// ErrUnsafe is wrapped by every refusal of an archive whose names could reach
// out of the directory, stand twice, or mean different things to different
// readers. The text after it names the entry and the reason.
var ErrUnsafe = errors.New("unsafe path")

// ErrLimit is wrapped by every refusal of an input that is larger, deeper or
// longer than its Limits allow.
var ErrLimit = errors.New("over the limit")
