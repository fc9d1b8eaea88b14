// Package testenv is what tests need around them: an unprivileged process,
// builder images, a mirror that can be made to fail, and tools that do not come
// from the host. Only tests import it.
//
// Its words: the place is a directory of this user, or of an unprivileged uid
// where the tests run as root, that outlives test runs; the shared store lies in
// it and holds builder images, each made once from its committed lock; a
// private store is one test's own, with images linked from the shared one.
//
// Its invariants:
//
//   - Nothing is made or run as root. A process of root executes itself again
//     as the place's owner.
//   - A test changes the shared store only by having an image made or a package
//     fetched, so that what one does can't be seen by another.
//   - What a test run leaves in the place is gone at its end; what a killed one
//     left goes with the next run.
//   - What is missing (a mirror, a tool, user namespaces) fails a test. Nothing is
//     skipped.
//
// The place is $PBUILD_TEST_STORE, else pbuild-test in the user's cache
// directory, else, as root, /var/tmp/pbuild-test. Packages come from the mirrors
// in $PBUILD_DEBIAN_MIRROR, else from those that the host's apt uses.
//
// It can't be used by tests inside a package that it imports; their external
// test packages can.
package testenv
