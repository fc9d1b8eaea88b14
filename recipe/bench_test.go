package recipe

import (
	"os"
	"testing"
)

// BenchmarkLoad: the collection is listed, one recipe and its lock are read.
// The bound is 1 ms.
func BenchmarkLoad(b *testing.B) {
	root, err := os.OpenRoot("testdata/collection")
	if err != nil {
		b.Fatal(err)
	}
	defer root.Close()
	b.ReportAllocs()
	for b.Loop() {
		c, err := LoadCollection(root.FS())
		if err != nil {
			b.Fatal(err)
		}
		if _, err := c.Recipe("dsc"); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRecipe reads the fullest recipe.
func BenchmarkRecipe(b *testing.B) {
	c := fixture(b)
	b.ReportAllocs()
	for b.Loop() {
		load(b, c, "full")
	}
}

func BenchmarkChain(b *testing.B) {
	c := fixture(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Chain("two"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkKey(b *testing.B) {
	r := load(b, fixture(b), "full")
	in := inputs("full")
	b.ReportAllocs()
	for b.Loop() {
		closed(b, r, in).Key()
	}
}
