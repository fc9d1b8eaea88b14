// Package house holds the tests of the repository itself: that imports go the
// way CONTRIBUTING.md says, and that README.md tells nothing that is not so. The
// documents are read and not repeated here: what people read is what is tested.
//
// It has no code of its own.
package house
