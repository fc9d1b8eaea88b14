package realize_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/klauspost/compress/zstd"

	"github.com/fuel-infra/pbuild/internal/event"
	"github.com/fuel-infra/pbuild/recipe"
	"github.com/fuel-infra/pbuild/sandbox"
	"github.com/fuel-infra/pbuild/store"
)

// edited is a recipe of both formats whose source is a commit that can only be built
// with edits: it asks for what is nowhere.
func (b *bench) edited(name string) *upstream {
	b.t.Helper()
	u := b.writeGit(name, "")
	u.content["data"] = "one\ntwo\none\nlast"
	for path, body := range (made{control: "Build-Depends: made-up (>= 2),\n", script: "mkdir -p debian/" + name + "\ncat data >debian/" + name + "/data\npack " + name + "\n"}).debian(name) {
		if path != "rules" {
			u.content["debian/"+path] = body
		}
	}
	u.content[name+".spec"] = madeRPM{
		preamble: "BuildRequires: made-up >= 2\nBuildRequires: more-made-up\n",
		scripts:  "%prep\n%setup -q\n%install\nmkdir -p %{buildroot}/usr/share\ncp data %{buildroot}/usr/share/" + name + "\n",
	}.text(name)
	u.commit()
	return u
}

const editedData = `
  data:
    - {replace: one, with: "1: \"ONE\"", count: 2}
    - {delete: two}
    - {replace: last, with: ""}
`

// edits are the lines of a recipe that repair edited.
func edits(name string) string {
	return "edits:" + editedData + "  debian/control:\n    - {delete: \"Build-Depends: made-up (>= 2),\"}\n" +
		"  " + name + ".spec:\n    - {replace: \"BuildRequires: made-up >= 2\", with: \"# nothing\"}\n    - {delete: \"BuildRequires: more-made-up\"}\n"
}

// TestEdits: a build sees the main source with the recipe's edits, spec and debian/
// too; what is edited away is not asked for, and what is kept is the source as it came.
func TestEdits(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	u := b.edited("edits-git")
	u.write("", nil)
	for name, want := range map[string]string{
		"edits-git":     `edits-git: deb: deb: recipe.lock does not fit: build dependency "made-up (>= 2)" is not in it`,
		"edits-git rpm": `edits-git: rpm: rpm: recipe.lock does not fit: build dependency "made-up >= 2" is not in it`,
	} {
		if _, err := b.try(name); !errors.Is(err, recipe.ErrLock) || err.Error() != want {
			t.Errorf("without edits: got %v", err)
		}
	}
	plain := b.node("edits-git rpm").Key
	u.write(edits("edits-git"), nil)
	for name, path := range map[string]string{"edits-git": "data", "edits-git rpm": "usr/share/edits-git"} {
		r := b.realize(name, event.Built)
		if got := b.packaged(r, path); got != "1: \"ONE\"\n1: \"ONE\"\n" {
			t.Errorf("%s: holds %q", name, got)
		}
		if r.Key == plain || !strings.Contains(string(r.Text), "\nedit \"data\" \"1\" \"two\"\nedit \"data\" \"1\" \"last\" \"\"\nedit \"debian/control\"") {
			t.Errorf("%s: derivation\n%s", name, r.Text)
		}
	}
	blob, err := b.store.Source(u.tree)
	if err != nil {
		t.Fatal(err)
	}
	packed, err := b.store.ReadBlob(blob, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	z, err := zstd.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	if text, err := io.ReadAll(z); err != nil || !bytes.Contains(text, []byte("one\ntwo\none\nlast\x00")) || bytes.Contains(text, []byte("ONE")) {
		t.Errorf("kept is %q, %v", text, err)
	}

	// A folder that holds the commit, and one that a person changed where no edit is.
	dir, files := u.clone()
	b.give("edits-git", dir, files)
	if r := b.realize("edits-git rpm", event.Cached); !strings.Contains(string(r.Text), u.locked.Commit) {
		t.Errorf("derivation\n%s", r.Text)
	}
}

// TestEditsRefused: an edit that does not fit the source says where it stands in the
// recipe, and nothing is recorded.
func TestEditsRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	u := b.edited("edits-bad")
	for _, tc := range []struct{ old, with, file, says string }{
		{"{delete: two}", "{delete: three}", "data", `"three"`},
		{", count: 2", "", "data", `"one"`},
		{"{delete: two}", "{replace: \"1: \\\"ONE\\\"\", with: x}", "data", `"1: \"ONE\""`},
		{"data:", "absent:", "absent", "no such file or directory"},
		{"data:", "debian:", "debian", "is no regular file"},
	} {
		u.write(strings.Replace(edits("edits-bad"), tc.old, tc.with, 1), nil)
		for _, name := range []string{"edits-bad", "edits-bad rpm"} {
			_, err := b.try(name)
			before := fmt.Sprintf("edits-bad: %s: recipes/edits-bad/recipe.yaml:", target(name).Format)
			what := ": edits: " + tc.file + " in source main: "
			if err == nil || !strings.HasPrefix(err.Error(), before) || !strings.Contains(err.Error(), what) || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("%s: got %v\nwant %s…%s… %s", name, err, before, what, tc.says)
			}
			b.nothing(name)
		}
	}
	// Of a folder the plan says so.
	b.writeRPM("edits-path", madeRPM{more: "edits: {README: [{delete: \"made up\"}, {delete: \"made up\"}]}\n"})
	want := "recipes/edits-path/recipe.yaml:11:41: edits: README in source main: "
	if _, err := b.plan("edits-path rpm"); err == nil || !strings.HasPrefix(err.Error(), want) || !strings.Contains(err.Error(), `"made up"`) {
		t.Errorf("got %v\nwant %s", err, want)
	}
}

// TestEditsDsc: a Debian source package is edited when dpkg-source has unpacked it, and
// stays what it is in the store.
func TestEditsDsc(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	before := b.node("tree").Key
	yaml := string(b.files["tree/recipe.yaml"].Data)
	b.files["tree/recipe.yaml"] = &fstest.MapFile{Data: []byte(yaml + "  edits:\n    debian/control:\n      - {replace: \"Section: utils\", with: \"Section: edited\"}\n")}
	b.reload()
	n := b.node("tree")
	if n.Key == before || !strings.Contains(string(n.Text), "\nedit \"debian/control\" \"1\" \"Section: utils\" \"Section: edited\"\n") {
		t.Errorf("derivation\n%s", n.Text)
	}
	err := b.Shell(t.Context(), n, func(program sandbox.Spec) error {
		var out bytes.Buffer
		program.Argv, program.Stdout = []string{"grep", "-r", "^Section: ", "debian"}, &out
		err := sandbox.Run(t.Context(), program)
		if out.String() != "debian/control:Section: edited\n" {
			err = errors.Join(err, fmt.Errorf("sees %q", &out))
		}
		return err
	})
	if err != nil {
		t.Fatalf("%v\n%s", err, b.log())
	}
	if _, err := b.store.Lookup(n.Key); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("recorded: %v", err)
	}
}
