package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestReplaceFile: a file of a collection is replaced in one step, and whatever
// somebody has put in its place, nothing outside is touched.
func TestReplaceFile(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		set  func(collection, outside string) error
		want string // of the error; empty: it is written
	}{
		"new":           {func(string, string) error { return nil }, ""},
		"there":         {func(c, _ string) error { return os.WriteFile(c+"/thing/recipe.lock", []byte("old"), 0o600) }, ""},
		"link":          {func(c, o string) error { return os.Symlink(o+"/canary", c+"/thing/recipe.lock") }, ""},
		"link at .new":  {func(c, o string) error { return os.Symlink(o+"/canary", c+"/thing/recipe.lock.new") }, ""},
		"hard link":     {func(c, o string) error { return os.Link(o+"/canary", c+"/thing/recipe.lock") }, ""},
		"hard .new":     {func(c, o string) error { return os.Link(o+"/canary", c+"/thing/recipe.lock.new") }, ""},
		"folder at it":  {func(c, _ string) error { return os.MkdirAll(c+"/thing/recipe.lock/x", 0o755) }, "file exists"},
		"folder .new":   {func(c, _ string) error { return os.MkdirAll(c+"/thing/recipe.lock.new/x", 0o755) }, "directory not empty"},
		"linked folder": {func(c, o string) error { return errors.Join(os.Remove(c+"/thing"), os.Symlink(o, c+"/thing")) }, "path escapes from parent"},
		"upward folder": {func(c, o string) error {
			return errors.Join(os.Remove(c+"/thing"), os.Symlink("../"+filepath.Base(o), c+"/thing"))
		}, "path escapes from parent"},
		"no folder": {func(c, _ string) error { return os.Remove(c + "/thing") }, "no such file or directory"},
	} {
		for _, content := range []string{"new text", ""} {
			collection, outside := t.TempDir(), t.TempDir()
			err := errors.Join(os.Mkdir(collection+"/thing", 0o755), os.WriteFile(outside+"/canary", []byte("sings"), 0o644),
				tc.set(collection, outside))
			if err != nil {
				t.Fatal(err)
			}
			err = replaceFile(collection, "thing/recipe.lock", []byte(content))
			file := collection + "/thing/recipe.lock"
			info, statErr := os.Lstat(file)
			switch {
			case content == "":
				if err == nil && !errors.Is(statErr, fs.ErrNotExist) {
					t.Errorf("%s: not removed: %v", name, info)
				}
			case tc.want != "":
				if err == nil || !strings.HasSuffix(err.Error(), tc.want) {
					t.Errorf("%s: got %v", name, err)
				}
			default:
				got, readErr := os.ReadFile(file)
				if err := errors.Join(err, statErr, readErr); err != nil || string(got) != content || info.Mode() != 0o644 {
					t.Errorf("%s: %v, %q, %v", name, info, got, err)
				}
				if _, err := os.Lstat(file + ".new"); !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("%s: .new: %v", name, err)
				}
			}
			canary, err := os.ReadFile(outside + "/canary")
			if all, listErr := os.ReadDir(outside); err != nil || listErr != nil || string(canary) != "sings" || len(all) != 1 {
				t.Errorf("%s: outside: %v, the canary: %q, %v", name, all, canary, err)
			}
		}
	}
}

// TestPutRecipeLock: what a worker can hand over as a lock.
func TestPutRecipeLock(t *testing.T) {
	t.Parallel()
	collection := t.TempDir()
	if err := errors.Join(os.Mkdir(collection+"/thing", 0o755), os.WriteFile(collection+"/thing/recipe.yaml", nil, 0o644),
		os.Mkdir(collection+"/none", 0o755)); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"thing:recipe.lock":    "",
		"thing:deb.packages":   "",
		"thing:rpm.packages":   "",
		"thing:recipe.yaml":    `worker: hands over a lock "thing:recipe.yaml"`,
		"thing:debian/rules":   `worker: hands over a lock "thing:debian/rules"`,
		"../x:recipe.lock":     `worker: hands over a lock "../x:recipe.lock"`,
		"thing/..:recipe.lock": `worker: hands over a lock "thing/..:recipe.lock"`,
		".:recipe.lock":        `worker: hands over a lock ".:recipe.lock"`,
		"thing":                `worker: hands over a lock "thing"`,
		"none:recipe.lock":     "statat none/recipe.yaml: no such file or directory",
	} {
		err := putRecipeLock(collection, name, strings.NewReader("text"))
		if (err == nil) != (want == "") || err != nil && err.Error() != want {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if all, err := filepath.Glob(collection + "/*/*"); err != nil || len(all) != 4 {
		t.Errorf("there are %q, %v", all, err)
	}
}
