// Package deb reads Debian's binary packages and control files: .deb (deb(5)),
// control paragraphs (deb822(5)), .dsc (dsc(5)), the newest entry of
// debian/changelog (deb-changelog(5)), Release files, dependency fields (policy
// 7.1). It needs no dpkg.
//
// All of it is input from elsewhere. Sizes are bounded before memory is taken,
// errors name the line or the member, and names that will become parts of paths
// (package, version, architecture, files of a .dsc) are checked here, once.
// Nothing here verifies a signature: what is read has been pinned by its sha256,
// or is checked by apt.
//
// An output digest names what a package installs, without times; see
// Deb.OutputDigest.
//
// The readers of ar, deb822 and clearsigned text are our own, some 400 lines:
// pault.ag/go/debian, the known library, gives no line numbers, sets no
// limits of size, and brings an OpenPGP implementation that is not needed. Decompression is not our own.
//
// It is no version comparison, no solver, and it does not write packages.
package deb

import "errors"

// ErrLimit is wrapped by every refusal of an input larger than what this
// package accepts. Limits inside of data.tar are tree.ErrLimit.
var ErrLimit = errors.New("over the limit")
