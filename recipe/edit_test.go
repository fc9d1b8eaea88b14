package recipe

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// editMistakes are those of edits of the file a.
func editMistakes() (all []mistake) {
	for _, m := range [...][3]string{
		{"edits list", "[]", "f:12:10: deb.edits: want a mapping, have a list"},
		{"edits none", "{a: []}", "f:12:14: deb.edits.a: want at least one"},
		{"edits text", "{a: b}", "f:12:14: deb.edits.a: want a list, have text"},
		{"edits outside", "{../a: [{delete: b}]}", `f:12:11: deb.edits.../a: path "../a": leads outside`},
		{"edit text", "{a: [b]}", "f:12:15: deb.edits.a[0]: want a mapping, have text"},
		{"edit of nothing", "{a: [{}]}", "f:12:15: deb.edits.a[0]: want delete or replace"},
		{"edit both", "{a: [{delete: b, replace: c, with: d}]}", "f:12:15: deb.edits.a[0]: has delete and replace: want one of them"},
		{"edit with alone", "{a: [{with: d}]}", "f:12:15: deb.edits.a[0]: want delete or replace"},
		{"edit replace alone", "{a: [{replace: c}]}", "f:12:15: deb.edits.a[0].with: missing"},
		{"edit delete with", "{a: [{delete: c, with: d}]}", "f:12:33: deb.edits.a[0].with: belongs to replace"},
		{"edit field", "{a: [{delete: c, cuont: 2}]}", `f:12:27: deb.edits.a[0]: unknown field "cuont": did you mean count?`},
		{"edit no line", "{a: [{delete: ''}]}", "f:12:24: deb.edits.a[0].delete: want a line that is not empty"},
		{"edit two lines", `{a: [{delete: "b\nc"}]}`, "f:12:24: deb.edits.a[0].delete: want one line of at most 4096 bytes"},
		{"edit with two lines", `{a: [{replace: b, with: "c\nd"}]}`, "f:12:34: deb.edits.a[0].with: want one line of at most 4096 bytes"},
		{"edit number", "{a: [{delete: 1}]}", "f:12:24: deb.edits.a[0].delete: 1 is a number: quote it"},
		{"edit long", "{a: [{delete: " + strings.Repeat("b", 4097) + "}]}", "f:12:24: deb.edits.a[0].delete: want one line of at most 4096 bytes"},
		{"edit count", "{a: [{delete: b, count: 0}]}", "f:12:34: deb.edits.a[0].count: 0: want 1 to 1048576"},
		{"edit count large", "{a: [{delete: b, count: 1048577}]}", "f:12:34: deb.edits.a[0].count: 1048577: want 1 to 1048576"},
		{"edit count text", "{a: [{delete: b, count: all}]}", `f:12:34: deb.edits.a[0].count: want a decimal number, have "all"`},
	} {
		all = append(all, mistake{m[0], "  debug: drop", "  debug: drop\n  edits: " + m[1], m[2]})
	}
	return all
}

// TestEdits compares what a recipe says: files sorted, edits of a file in their order.
func TestEdits(t *testing.T) {
	r := load(t, fixture(t), "stamped")
	text := func(s string) *string { return &s }
	want := []Edit{
		{File: "Makefile", Line: "CC = gcc-4.8", With: text(""), Count: 1},
		{File: "stamped.spec", Line: "\tmake install", With: text("\tmake install DESTDIR=%{buildroot}"), Count: 2},
		{File: "stamped.spec", Line: "%define debug 1", Count: 1},
	}
	if d := cmp.Diff(want, r.RPM.Edits, cmpopts.IgnoreUnexported(Edit{})); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]Edit{{File: "debian/rules", Line: "\tdh_old", Count: 1}}, r.Deb.Edits, cmpopts.IgnoreUnexported(Edit{})); d != "" {
		t.Error(d)
	}
}

// edits reads the edits of a recipe.
func edits(t *testing.T, yaml string) *Build {
	t.Helper()
	r, err := parseRecipe("x/recipe.yaml", "xx", []byte(strings.Replace(base, "  debug: drop", "  edits: "+yaml, 1)))
	if err != nil {
		t.Fatal(err)
	}
	return &r.Deb.Build
}

func TestEdited(t *testing.T) {
	const wrong = "x/recipe.yaml:11:15: edits: a in source main: "
	for _, tc := range []struct{ name, edits, in, want string }{
		{"delete", "{a: [{delete: two}]}", "one\ntwo\nthree\n", "one\nthree\n"},
		{"replace", "{a: [{replace: two, with: '2'}]}", "one\ntwo\nthree\n", "one\n2\nthree\n"},
		{"replace by an empty line", "{a: [{replace: two, with: ''}]}", "one\ntwo\nthree\n", "one\n\nthree\n"},
		{"by what is looked for", "{a: [{replace: x, with: xx, count: 2}]}", "x\nx\n", "xx\nxx\n"},
		{"whole lines alone", "{a: [{delete: two}]}", "two \n two\ntwotwo\ntwo\n\ttwo\n", "two \n two\ntwotwo\n\ttwo\n"},
		{"count", "{a: [{delete: two, count: 2}]}", "two\none\ntwo\n", "one\n"},
		{"tabs and blanks", `{a: [{replace: "\tmake  x ", with: "\tmake\ty"}]}`, "all:\n\tmake  x \n", "all:\n\tmake\ty\n"},
		{"the last line, without an end", "{a: [{replace: two, with: '2'}]}", "one\ntwo", "one\n2"},
		{"the last line goes", "{a: [{delete: two}]}", "one\ntwo", "one\n"},
		{"the last but one goes", "{a: [{delete: one}]}", "one\ntwo", "two"},
		{"all goes", "{a: [{delete: two}]}", "two\n", ""},
		{"CRLF stays", "{a: [{replace: two, with: '2'}, {delete: one}]}", "one\r\ntwo\r\nthree\n", "2\r\nthree\n"},
		{"both ends", "{a: [{replace: one, with: '1', count: 2}]}", "one\r\none\n", "1\r\n1\n"},
		{"a carriage return that ends no line", "{a: [{delete: one}]}", "one\none\r", "one\r"},
		{"two edits, in order", "{a: [{replace: one, with: two}, {delete: two, count: 2}]}", "one\ntwo\nthree\n", "three\n"},
		{"two edits, in the other order", "{a: [{delete: two}, {replace: one, with: two}]}", "one\ntwo\nthree\n", "two\nthree\n"},
		{"bytes that are no UTF-8", "{a: [{delete: two}]}", "\xff\x00\ntwo\n", "\xff\x00\n"},
		{"none", "{a: [{delete: two}]}", "one\n", wrong + `no line is "two"`},
		{"none in an empty file", "{a: [{delete: two}]}", "", wrong + `no line is "two"`},
		{"too many", "{a: [{delete: two}]}", "two\ntwo\n", wrong + `lines that are "two": 2: want 1, the edit's count`},
		{"too few", "{a: [{delete: two, count: 3}]}", "two\r\ntwo", wrong + `lines that are "two": 2: want 3, the edit's count`},
		{"gone by the one before", "{a: [{delete: one}, {delete: one}]}", "one\n", "x/recipe.yaml:11:30: edits: a in source main: no line is \"one\""},
		{"the end of a line is none of it", `{a: [{delete: "two"}]}`, "two\r\r\n", wrong + `no line is "two"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			view, err := edits(t, tc.edits).Edited(folder(t, map[string]string{"a": tc.in, "b": "two\n"}, nil))
			if err != nil {
				says(t, err, tc.want)
				if view != nil {
					t.Error("a view nevertheless")
				}
				return
			}
			for name, want := range map[string]string{"a": tc.want, "b": "two\n"} {
				if got, err := fs.ReadFile(view, name); string(got) != want || err != nil {
					t.Errorf("%s: %q, %v, want %q", name, got, err, want)
				}
			}
		})
	}
}

// folder returns a folder of files and links; a link to "" is a fifo.
func folder(t *testing.T, files, links map[string]string) fs.FS {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, target := range links {
		err := os.Symlink(target, filepath.Join(dir, name))
		if target == "" {
			err = syscall.Mkfifo(filepath.Join(dir, name), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	return root.FS()
}

// TestEditedFiles: what can't be edited, whatever it says.
func TestEditedFiles(t *testing.T) {
	full := strings.Repeat("two\n", maxEdited/4)
	files := folder(t, map[string]string{"real/a": "two\n", "full": full, "large": full + "\n", "grows": full[:8000]}, map[string]string{
		"link": "real/a", "folder": "real", "out": "/etc/passwd", "nowhere": "none", "fifo": "",
	})
	const link = " is a symbolic link: name the file that it leads to"
	for _, tc := range []struct{ file, edit, want string }{
		{"real/a", "{delete: two}", ""},
		{"none", "{delete: two}", "no such file or directory"},
		{"real", "{delete: two}", "is no regular file"},
		{"real/a/b", "{delete: two}", "not a directory"},
		{"fifo", "{delete: two}", "is no regular file"},
		{"link", "{delete: two}", "link" + link},
		{"out", "{delete: two}", "out" + link},
		{"nowhere", "{delete: two}", "nowhere" + link},
		{"folder/a", "{delete: two}", "folder" + link},
		{"full", "{delete: two, count: 1048576}", ""},
		{"large", "{delete: two, count: 1048576}", "4194305 bytes: more than 4194304"},
		{"grows", "{replace: two, with: " + strings.Repeat("x", 4096) + ", count: 2000}", "more than 4194304 bytes when it is edited"},
	} {
		b := edits(t, "{"+tc.file+": ["+tc.edit+"]}")
		view, err := b.Edited(files)
		if tc.want != "" {
			says(t, err, b.Edits[0].at.Errorf("edits: %s in source main: %s", tc.file, tc.want).Error())
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", tc.file, err)
		} else if got, err := fs.ReadFile(view, tc.file); len(got) > 0 || err != nil {
			t.Errorf("%s: %d bytes, %v", tc.file, len(got), err)
		}
	}
	if b, err := fs.ReadFile(files, "real/a"); string(b) != "two\n" || err != nil {
		t.Errorf("the file itself is %q, %v", b, err)
	}
}

// TestEditedView: all ways to a file tell the same, and what is not edited is as it was.
func TestEditedView(t *testing.T) {
	files := folder(t, map[string]string{"a": "one\ntwo\n", "deep/er/b": "two\ntwo\n", "deep/c": "two\n"}, map[string]string{"link": "deep/c"})
	view, err := edits(t, "{a: [{delete: two}], deep/er/b: [{replace: two, with: longer, count: 2}]}").Edited(files)
	if err != nil {
		t.Fatal(err)
	}
	if err := fstest.TestFS(view, "a", "deep/er/b", "deep/c", "link"); err != nil {
		t.Error(err)
	}
	for _, tc := range []struct{ dir, name, want string }{
		{".", "a", "one\n"},
		{".", "deep/er/b", "longer\nlonger\n"},
		{".", "deep/c", "two\n"},
		{".", "link", "two\n"},
		{"deep", "er/b", "longer\nlonger\n"},
		{"deep", "c", "two\n"},
		{"deep/er", "b", "longer\nlonger\n"},
	} {
		sub, err := fs.Sub(view, tc.dir)
		if err != nil {
			t.Fatal(err)
		}
		f, err := sub.Open(tc.name)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(iotest.OneByteReader(f))
		if string(got) != tc.want || err != nil {
			t.Errorf("%s in %s: %q, %v", tc.name, tc.dir, got, err)
		}
		info, err := f.Stat()
		if err != nil || info.Size() != int64(len(tc.want)) {
			t.Errorf("%s in %s: %v, %v", tc.name, tc.dir, info, err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		if got, err = fs.ReadFile(sub, tc.name); string(got) != tc.want || err != nil {
			t.Errorf("%s in %s: ReadFile %q, %v", tc.name, tc.dir, got, err)
		}
	}
	entries, err := fs.ReadDir(view, ".")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		listed, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		if info, err := fs.Lstat(view, e.Name()); err != nil || info.Size() != listed.Size() || info.Mode() != listed.Mode() {
			t.Errorf("%s: listed as %v, is %v, %v", e.Name(), listed, info, err)
		}
	}
	if target, err := fs.ReadLink(view, "link"); target != "deep/c" || err != nil {
		t.Errorf("link: %q, %v", target, err)
	}
	first, err := fs.ReadFile(view, "a")
	if err != nil {
		t.Fatal(err)
	}
	copy(first, "ONE")
	if again, err := fs.ReadFile(view, "a"); string(again) != "one\n" || err != nil {
		t.Errorf("what a reader was given is the view's own: %q, %v", again, err)
	}
	if same, err := (&Build{}).Edited(files); err != nil || same != files {
		t.Errorf("without edits: %v, %v", same, err)
	}
}
