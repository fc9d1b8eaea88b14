// Package resolve answers which exact packages an image needs so that something
// holds in it: the packages of a builder, or a recipe's build dependencies. It
// is how locks come into being.
//
// Its words: an index is what an archive says of itself at one time, the signed
// InRelease and the Packages that it names; an apt is the apt of a builder image
// over one index, in the sandbox; what is wanted are relations as Debian's
// control files write them.
//
// Its invariants:
//
//   - The answer is apt's. There is no solver here, and none of the host's.
//   - Nothing of an index is believed before apt, with the keys that are in the
//     image, has found the signature of InRelease good and Packages to be what
//     it names. Each package of an answer comes with the sha256 that stands there.
//   - apt runs without a network and sees the index, the image and what is
//     wanted; no configuration of the host or of the image, no other source.
//   - Recommended packages are not installed, nothing is removed, and no build
//     profile is on: whoever wants nocheck must say so in the relations.
//   - What apt prints is read strictly: a line that is not understood is an
//     error.
//
// What it is not: it fetches no package and makes no image (package builder
// does), and it knows nothing of files that hold locks (package recipe does).
package resolve
