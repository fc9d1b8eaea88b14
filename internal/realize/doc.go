// Package realize turns recipes into packages: it closes each into a
// derivation, looks for its key in the store, and where there is nothing,
// fetches, builds in the sandbox, collects and records.
//
// Its words: a target is a recipe and a format; a node is a target closed into
// its derivation and key; a node's needs are the nodes of other recipes whose
// packages its build gets, and the graph is all of them; a result is what became of
// a node in this run. A source package is a node of its own: its formats are dsc and
// srpm.
//
// Its invariants:
//
//   - A node's key is computed before anything of it is fetched or built, and the
//     build gets nothing that is not in it. In the key stand the output digests of
//     what it needs, so that it is known when these are realized: what comes out as
//     it was before stops the rebuild there. The plan key is known at once.
//   - What is recorded was copied out of the build's reach first, and digests
//     are taken of that copy.
//   - Exactly the declared packages are recorded, with the required paths in
//     them; anything else is an error and records nothing.
//   - One process at a time builds a key; one that waited looks again.
//   - One failed node does not stop the others, unless told so.
//
// What it is not: a printer (it emits events), and a shell for recipes: no
// text of a recipe is ever given to a shell.
package realize
