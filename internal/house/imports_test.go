package house

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/fuel-infra/pbuild/"

// listed is what go list says of a package.
type listed struct {
	ImportPath string
	Imports    []string
	Deps       []string
}

// packages returns the packages of this module by their path in it.
func packages(t *testing.T) map[string]listed {
	t.Helper()
	c := exec.Command("go", "list", "-deps", "-json=ImportPath,Imports,Deps", "./...")
	c.Dir = root
	out, err := c.Output()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]listed{}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		err := d.Decode(&p)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		if name, ok := strings.CutPrefix(p.ImportPath, module); ok {
			all[name] = p
		}
	}
}

// knows returns, for each package of CONTRIBUTING.md's table, what it may know.
func knows(t *testing.T) map[string]map[string]bool {
	t.Helper()
	direct := map[string][]string{}
	all := map[string]map[string]bool{}
	for _, row := range table(t, read(t, "CONTRIBUTING.md"), "package", "holds", "may know") {
		name := names(row[0])
		if len(name) != 1 {
			t.Fatalf("CONTRIBUTING.md: row %q: want one package", row[0])
		}
		// A row knows what stands above it, so that the table can't be a circle.
		for _, n := range names(row[2]) {
			if _, ok := direct[n]; !ok {
				t.Errorf("CONTRIBUTING.md: %s knows %s, which is not above it", name[0], n)
			}
		}
		direct[name[0]] = names(row[2])
		all[name[0]] = map[string]bool{}
		for _, n := range direct[name[0]] {
			all[name[0]][n] = true
			maps.Copy(all[name[0]], all[n])
		}
	}
	return all
}

// TestImports: each package is in CONTRIBUTING.md's table and knows no more than
// that says.
func TestImports(t *testing.T) {
	have, may := packages(t), knows(t)
	for _, name := range slices.Sorted(maps.Keys(have)) {
		allowed, ok := may[name]
		if !ok {
			t.Errorf("%s: not in the table of CONTRIBUTING.md: where does it belong?", name)
			continue
		}
		for _, dep := range have[name].Deps {
			if dep, ok := strings.CutPrefix(dep, module); ok && !allowed[dep] {
				t.Errorf("%s knows %s, which CONTRIBUTING.md does not let it", name, dep)
			}
		}
	}
	for name := range may {
		if _, ok := have[name]; !ok {
			t.Errorf("CONTRIBUTING.md: no package %s", name)
		}
	}
	for name, p := range have {
		if slices.Contains(p.Deps, module+"internal/testenv") {
			t.Errorf("%s imports internal/testenv outside its tests", name)
		}
	}
}

// TestOnlyIn: what CONTRIBUTING.md gives one place is imported there and nowhere
// else.
func TestOnlyIn(t *testing.T) {
	have := packages(t)
	for _, row := range table(t, read(t, "CONTRIBUTING.md"), "import", "only in") {
		library, want := names(row[0])[0], names(row[1])
		var got []string
		for name, p := range have {
			if slices.ContainsFunc(p.Imports, func(i string) bool { return i == library || strings.HasPrefix(i, library+"/") }) {
				got = append(got, name)
			}
		}
		slices.Sort(got)
		if slices.Sort(want); !slices.Equal(got, want) {
			t.Errorf("%s: imported in %q, CONTRIBUTING.md says %q", library, got, want)
		}
	}
}
