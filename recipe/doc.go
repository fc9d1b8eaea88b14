// Package recipe holds what a packager writes and what follows from it: it
// reads a collection (the folder recipes/), checks every field, and closes a
// recipe into a derivation, whose hash is the key.
//
// Words:
//
//   - Recipe: recipes/NAME/recipe.yaml, what is built from which sources.
//   - Variant: a recipe in another form, RECIPE+VARIANT, written in its recipe.yaml.
//   - Source: where a recipe's files come from: a folder of the recipe (Path), a commit
//     of a git repository (Git) or a Debian source package named by digest (Dsc).
//     Several can be one pack. An Edit changes lines of the main one.
//   - Set: sources that stand in the place of recipes' own for a run.
//   - Scheme: what versions are made of, such as the count of commits.
//   - Lock: recipes/NAME/recipe.lock, what a machine resolved and people review.
//   - Builder: recipes/builders/NAME.yaml, the root file system a build sees,
//     with NAME.lock and NAME.packages beside it.
//   - Derivation: recipe, lock and inputs closed for one format and one
//     architecture, as canonical text. Another recipe that it needs stands in it by
//     what that came to, or, for a plan key, by its own plan key.
//
// Invariants: a Recipe that Collection.Recipe returned is valid: names obey
// Debian policy, paths inside are relative and clean, paths of packages are
// absolute and clean, and nothing in it can name a host path, a privilege or a
// network. Everything that can change an output is in the derivation and
// nothing else is. Equal derivations have equal texts.
//
// It is pure: an fs.FS comes in, values go out. It builds nothing, fetches
// nothing, hashes no tree (the caller does, and gives the digests to Close) and
// reads neither clock nor environment. Mistakes in files are yamldoc errors,
// FILE:LINE:COLUMN.
package recipe
