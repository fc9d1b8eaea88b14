// Package rpm reads RPM packages of format 4 and a little of spec files. It needs
// no rpm.
//
// A package is a lead, a signature header, a header and a payload (rpm.org,
// «RPM V4 Package format»). All that rpm says of a package stands in the header,
// as tags; the payload is not unpacked here, so the digests of files are what the
// header says of them, which rpm checks when it installs. Digests in the
// two headers bind the parts: Open checks each one and refuses what is cut or
// altered. They show damage and no more: nothing here verifies a signature, since
// what is read has been pinned by its sha256.
//
// All of it is input from elsewhere. The headers are bounded as rpm bounds them,
// what is made of them is bounded here, errors name the tag, and names that will
// become parts of file names (name, version, release, architecture) and the paths
// of files are checked once, by Open. After that nothing but the output text can
// fail.
//
// Of spec files, ChangelogDate and BuildRequires read what needs no macros.
//
// The reader of headers is our own, some 250 lines. The known library,
// sassoftware/go-rpmutils 0.4.0, takes up to 4 GiB on the word of a length, panics on
// offsets, counts and directory indexes that lie outside, and brings an OpenPGP
// implementation, three decompressors and a cgo library.
//
// It is no version comparison, no solver, no unpacker, and it does not write packages.
package rpm

import "errors"

// ErrLimit is wrapped by every refusal of an input larger than what this package
// accepts.
var ErrLimit = errors.New("over the limit")

const (
	maxCount = 1 << 20   // values of one tag, and so files, relations and scripts
	maxNames = 256 << 20 // bytes of all paths together
)
