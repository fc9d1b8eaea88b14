// Package lock brings a recipe's lock up to date: which commit a ref is, what the
// tree of it digests to, and which exact packages a build's dependencies are.
//
// Its words: to lock is to resolve what recipe.lock does not know, or knows of
// another state of the recipe; to update is to resolve refs anew. What a lock
// knows and what still fits stays as it is, so that two runs on two days give the
// same lock unless something was changed. A lock that does not fit is stale.
//
// Its invariants:
//
//   - Versions are chosen by apt, in the sandbox, of indices whose signature apt
//     has checked; commits by git. Nothing is chosen here.
//   - A name in Build-Depends or BuildRequires is mapped by dependencies.yaml, or
//     a package of the suite, or an error that says where it stands.
//   - Nothing is written here: who calls gets texts.
//
// What it is not: it builds no package and moves no builder's lock.
package lock
