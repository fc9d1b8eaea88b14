package recipe

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fuel-infra/pbuild/store/digest"
)

// TestCommitted: the recipes, sets and builders of this repository are valid, and
// each recipe closes.
func TestCommitted(t *testing.T) {
	c := open(t, "../recipes")
	c.Dir = "recipes"
	if names := c.Names(); !slices.Contains(names, "hello") || !slices.Contains(names, "tree") {
		t.Errorf("recipes: %q", names)
	}
	for _, name := range c.Names() {
		t.Run(name, func(t *testing.T) {
			r := load(t, c, name)
			for _, f := range r.Formats() {
				in := Inputs{
					Builder: digest.Of([]byte("builder")), Sandbox: 1,
					Trees: map[string]digest.Digest{}, Needs: map[string]Needed{}, Pinned: r.Pinned(),
				}
				for _, name := range r.Takes(f) {
					p, ok := r.Sources[name].(Path)
					if !ok {
						continue
					}
					if _, err := c.SourceFolder(r, name, p); err != nil {
						t.Fatal(err)
					}
					in.Trees[name] = digest.Of([]byte(name))
					if name == Main {
						in.Changelog = Stamp{"1.0-1", 1}
					}
				}
				needed, err := c.Needed(r, f)
				if err != nil {
					t.Fatal(err)
				}
				for _, n := range needed {
					in.Needs[n.Name] = Needed{Output: digest.Of([]byte(n.Name))}
				}
				if _, err := Close(r, f, AMD64, in); err != nil {
					t.Error(err)
				}
				if _, err := c.ChainOf(r, f); err != nil {
					t.Error(err)
				}
				if _, err := c.ExtraPackages(r, f); err != nil {
					t.Error(err)
				}
			}
		})
	}
	sets, err := filepath.Glob("../recipes/*.set.yaml")
	if err != nil || len(sets) == 0 {
		t.Fatalf("sets: %q, %v", sets, err)
	}
	for _, file := range sets {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		set, err := ParseSet(file, b)
		if err != nil {
			t.Error(err)
		} else if err := set.Check(c); err != nil {
			t.Error(err)
		}
	}
	builders, err := c.BuilderNames()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range builders {
		chain, err := c.Chain(name)
		if err != nil {
			t.Error(err)
			continue
		}
		list, err := c.Packages(chain[len(chain)-1])
		if err != nil || len(list) == 0 {
			t.Errorf("%s: %d packages, %v", name, len(list), err)
		}
	}
}

// TestImports: the package knows digests, YAML and how to use all processors.
func TestImports(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for line := range strings.Lines(string(out)) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "github.com/fuel-infra/pbuild/"); ok {
			got = append(got, name)
		}
	}
	slices.Sort(got)
	if want := []string{"internal/limits", "internal/parallel", "internal/yamldoc", "recipe", "store/digest"}; !slices.Equal(got, want) {
		t.Errorf("imports %q, want %q", got, want)
	}
}
