package realize_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fuel-infra/pbuild/internal/event"
	"github.com/fuel-infra/pbuild/internal/realize"
	"github.com/fuel-infra/pbuild/internal/testenv"
	"github.com/fuel-infra/pbuild/recipe"
)

// TestGivenFolder: a clone in the place of its commit is the commit; what people
// change in it is another source, which the lock must still fit.
func TestGivenFolder(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	u := b.writeGit("git-given", "")
	first := b.realize("git-given", event.Built)
	dir, files := u.clone()
	b.Given = map[recipe.SourceName]realize.Given{{Recipe: "git-given", Source: recipe.Main}: {Where: dir, Files: files}}
	if same := b.realize("git-given", event.Cached); same.Key != first.Key {
		t.Errorf("key %s, of the commit %s", same.Key, first.Key)
	}

	put := func(name, body string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(body), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	put("more", "of mine\n")
	asked := len(u.Asked())
	for name, epoch := range map[string]string{"git-given": "1778839200", "git-given rpm": "1778846400"} {
		r := b.realize(name, event.Built)
		path := map[recipe.Format]string{recipe.FormatDeb: "list", recipe.FormatRPM: "usr/share/git-given"}[r.Format]
		if got := b.packaged(r, path); got != "data\ndebian\ngit-given.spec\nmore\n" {
			t.Errorf("%s: holds %q", name, got)
		}
		if text := string(r.Text); r.Key == first.Key || !strings.Contains(text, "\nsource \"main\" \"tree\" ") || !strings.Contains(text, "\nepoch \""+epoch+"\"\n") {
			t.Errorf("%s: derivation\n%s", name, text)
		}
	}
	if len(u.Asked()) != asked {
		t.Errorf("asked %q", u.Asked()[asked:])
	}

	// A changelog counts as it is; without one a spec has the commit's date.
	spec := madeRPM{}.text("git-given")
	spec, _, _ = strings.Cut(spec, "%changelog")
	put("git-given.spec", spec)
	if text := string(b.node("git-given rpm").Text); !strings.Contains(text, fmt.Sprintf("\nepoch \"%d\"\n", testenv.FirstCommit)) {
		t.Errorf("derivation\n%s", text)
	}
	control, err := os.ReadFile(filepath.Join(dir, "debian/control"))
	if err != nil {
		t.Fatal(err)
	}
	put("debian/control", strings.Replace(string(control), "Standards-Version", "Build-Depends: made-up (>= 2)\nStandards-Version", 1))
	put("git-given.spec", strings.Replace(spec, "%description", "BuildRequires: made-up >= 2\n%description", 1))
	for name, want := range map[string]string{
		"git-given":     `recipe git-given: deb: recipe.lock does not fit: build dependency "made-up (>= 2)" is not in it`,
		"git-given rpm": `recipe git-given: rpm: recipe.lock does not fit: build dependency "made-up >= 2" is not in it`,
	} {
		_, err := b.plan(name)
		var given *realize.GivenError
		if !errors.Is(err, recipe.ErrLock) || !errors.As(err, &given) || given.Recipe != "git-given" || err.Error() != want+", with source "+dir {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
