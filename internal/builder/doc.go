// Package builder makes builder images: root file systems in which packages
// are built, from nothing but .deb files that a lock names by sha256. It needs
// no root and no tool of the host.
//
// Its words: a definition (recipes/builders/NAME.yaml) says which packages are
// asked for; a lock (NAME.lock, NAME.packages) says which exact files they and
// their dependencies are, and which digest the image has; a layer is what one
// definition adds; an image is the chain of layers from the base upward; an
// extension is a layer over an image that no definition names, of one recipe's
// build dependencies.
//
// Its invariants:
//
//   - An image's digest is that of its OCI config, which names the sha256 of
//     each uncompressed layer. It is the same whoever makes it, wherever and
//     when; one that comes out otherwise than its lock says is an error that
//     lists the paths, and is not kept.
//   - An extension is made like a layer and has no digest in a lock: its name in
//     the store says image, packages and date, from which it follows.
//   - The base is unpacked here and configured by its own dpkg in the sandbox.
//     Every further layer is unpacked and configured by the dpkg of what is
//     below it, since diversions, replaced files and conffiles need a real one.
//   - Nothing runs outside the sandbox; a file is unpacked only after its
//     sha256 was found right.
//
// What it is not: a solver (the lock is made by apt) and a general image
// builder (there is no file to write commands in).
package builder
