package house

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestSecurityTests: the tests by which SECURITY.md says that a promise is held exist, in
// the packages that it names, and each promise has one.
func TestSecurityTests(t *testing.T) {
	promises := 0
	for _, row := range table(t, read(t, "SECURITY.md"), "promise", "held by") {
		promises++
		cited := heldBy.FindAllStringSubmatch(row[1], -1)
		if cited == nil {
			t.Errorf("SECURITY.md: no test holds: %s", row[0])
		}
		n := 0
		for _, c := range cited {
			have := testsOf(t, c[2])
			for _, name := range names(c[1]) {
				n++
				if !slices.Contains(have, name) {
					t.Errorf("SECURITY.md: %s has no %s", c[2], name)
				}
			}
		}
		if n != strings.Count(row[1], "`Test") {
			t.Errorf("SECURITY.md: want «`TestName` in `package`, …»: %s", row[1])
		}
	}
	if promises < 30 {
		t.Errorf("SECURITY.md: %d promises", promises)
	}
}

// heldBy is how tests are cited: names, then their package.
var heldBy = regexp.MustCompile("((?:`Test\\w+` )+)in `([a-z/]+)`")

// testsOf returns the tests of a package, also those of root.
func testsOf(t *testing.T, dir string) (all []string) {
	t.Helper()
	files, err := filepath.Glob(root + dir + "/*_test.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: %d test files, %v", dir, len(files), err)
	}
	for _, name := range files {
		for _, m := range testFunction.FindAllStringSubmatch(read(t, strings.TrimPrefix(name, root)), -1) {
			all = append(all, m[1])
		}
	}
	return all
}

var testFunction = regexp.MustCompile(`(?m)^func (Test\w+)\(t \*testing\.T\)`)
