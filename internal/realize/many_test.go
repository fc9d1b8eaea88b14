package realize_test

import (
	"os"
	"testing"

	"github.com/fuel-infra/pbuild/internal/builder"
	"github.com/fuel-infra/pbuild/internal/realize"
	"github.com/fuel-infra/pbuild/internal/testenv"
	"github.com/fuel-infra/pbuild/internal/tree"
	"github.com/fuel-infra/pbuild/recipe"
	"github.com/fuel-infra/pbuild/store"
)

// BenchmarkPlanMany plans 1,000 recipes that were never built.
func BenchmarkPlanMany(b *testing.B) {
	dir := b.TempDir()
	if err := testenv.WriteMany(dir, 1000); err != nil {
		b.Fatal(err)
	}
	open, err := os.Open(dir)
	if err != nil {
		b.Fatal(err)
	}
	defer open.Close()
	s, err := store.Open(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	b.ReportAllocs()
	for b.Loop() {
		c, err := recipe.LoadCollection(tree.Beneath(open))
		if err != nil {
			b.Fatal(err)
		}
		r := &realize.Realizer{Store: s, Images: &builder.Maker{Store: s, Recipes: c, Arch: testenv.Arch}, Recipes: c, Arch: testenv.Arch}
		targets, err := r.Targets(nil, true, "")
		if err != nil {
			b.Fatal(err)
		}
		p, err := r.Plan(b.Context(), targets)
		if err != nil || len(p.Nodes) != 1000 {
			b.Fatal(err)
		}
	}
}
