package builder_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fuel-infra/pbuild/internal/builder"
	"github.com/fuel-infra/pbuild/internal/deb/debtest"
	"github.com/fuel-infra/pbuild/internal/fetch"
	"github.com/fuel-infra/pbuild/internal/tree"
	"github.com/fuel-infra/pbuild/recipe"
	"github.com/fuel-infra/pbuild/sandbox"
	"github.com/fuel-infra/pbuild/store"
	"github.com/fuel-infra/pbuild/store/digest"
)

// TestMismatch: an image that is not what its lock says is told by its paths,
// and is not kept.
func TestMismatch(t *testing.T) {
	b := newLayerBench(t)
	b.define("odd", "small", b.add("odd", map[string]string{"postinst": "#!/bin/sh\necho made >/etc/odd\n"}))
	lock := b.locked("odd")
	if err := b.store.RemoveRoot("odd"); err != nil {
		t.Fatal(err)
	}
	// Somebody else had another file there, one more, and one less.
	ledger, err := tree.ReadLedger(bytes.NewReader(b.files["builders/odd.files"].Data))
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(ledger, func(e tree.Entry) bool { return e.Path == "etc/odd" })
	if at < 0 {
		t.Fatalf("no etc/odd in %v", ledger)
	}
	ledger[at].Mode = 0o600
	ledger = slices.Insert(ledger, at, tree.Entry{Path: "etc/more", Kind: tree.Symlink, Mode: 0o777, Link: "odd"})
	ledger = slices.DeleteFunc(ledger, func(e tree.Entry) bool { return e.Path == "var/lib/dpkg/info/odd.list" })
	var text bytes.Buffer
	if _, err := ledger.WriteTo(&text); err != nil {
		t.Fatal(err)
	}
	expected := text.Bytes()
	other := *lock
	other.Builder, other.Files = digest.Of([]byte("another")), digest.Of(expected)
	b.write("odd.lock", other.Text())
	b.write("odd.files", expected)

	_, err = b.maker().Ensure(t.Context(), "odd")
	var mismatch *builder.MismatchError
	if !errors.As(err, &mismatch) {
		t.Fatalf("got %v", err)
	}
	want := &builder.MismatchError{Want: other.Builder, Got: lock.Builder, Paths: []string{
		"etc/more: missing",
		"etc/odd: mode 0600 → 0644",
		"var/lib/dpkg/info/odd.list: unexpected",
	}}
	if diff := cmp.Diff(want, mismatch); diff != "" {
		t.Error(diff)
	}
	if !strings.HasPrefix(err.Error(), fmt.Sprintf("builder odd: image is %s, the lock says %s: 3 paths differ:\n  etc/more: missing\n", lock.Builder.Short(), other.Builder.Short())) {
		t.Errorf("says %s", err)
	}
	b.absent("odd")
	b.clean()

	// Without a list there is nothing to compare, which is said too.
	other.Files = digest.Digest{}
	b.write("odd.lock", other.Text())
	if _, err := b.maker().Ensure(t.Context(), "odd"); !errors.As(err, &mismatch) || !strings.Contains(err.Error(), "no list to compare with: recipes/builders/odd.files: not locked") {
		t.Errorf("got %v", err)
	}
	// A list that is not the lock's is not looked at.
	other.Files = digest.Of([]byte("something else"))
	b.write("odd.lock", other.Text())
	if _, err := b.maker().Ensure(t.Context(), "odd"); !errors.As(err, &mismatch) || len(mismatch.Paths) > 0 || !strings.Contains(err.Error(), "recipes/builders/odd.files: is ") {
		t.Errorf("got %v", err)
	}
	b.absent("odd")
	b.clean()
}

// TestFilesGone: one error names each file that no mirror has.
func TestFilesGone(t *testing.T) {
	b := newLayerBench(t)
	here := b.add("here-a", nil)
	lost := []recipe.Package{b.add("lost-a", nil), b.add("lost-b", nil)}
	b.archive.Fault = func(w http.ResponseWriter, r *http.Request, path string) bool {
		if strings.Contains(path, "/lost-") {
			http.NotFound(w, r)
			return true
		}
		return false
	}
	b.define("partly", "small", lost[0], here, lost[1])
	_, err := b.maker().Ensure(t.Context(), "partly")
	if !errors.Is(err, builder.ErrNotLocked) {
		t.Errorf("without a digest: %v", err)
	}
	_, _, err = b.maker().Make(t.Context(), "partly")
	var missing *fetch.MissingError
	if !errors.As(err, &missing) {
		t.Fatalf("got %v", err)
	}
	var want []fetch.MissingFile
	for _, p := range lost {
		want = append(want, fetch.MissingFile{Path: p.Path, Package: p.Name, Tried: []fetch.Tried{{Mirror: b.archive.Base(), Why: "404 Not Found"}}})
	}
	if diff := cmp.Diff(want, missing.Files); diff != "" {
		t.Error(diff)
	}
	if !strings.HasPrefix(err.Error(), "builder partly: fetch 2 files: gone from every mirror:\n") {
		t.Errorf("says %s", err)
	}
	b.absent("partly")
	b.clean()
}

// TestWrongBytes: what a mirror sends instead is not kept.
func TestWrongBytes(t *testing.T) {
	b := newLayerBench(t)
	p := b.add("forged", nil)
	forged := bytes.ReplaceAll(madeUp("forged", "1", nil), []byte("made up"), []byte("MADE UP"))
	b.archive.Fault = func(w http.ResponseWriter, _ *http.Request, _ string) bool {
		w.Write(forged)
		return true
	}
	b.define("forged", "small", p)
	_, _, err := b.maker().Make(t.Context(), "forged")
	var mismatch *fetch.MismatchError
	if !errors.As(err, &mismatch) || mismatch.Want != p.SHA256 || mismatch.Got != digest.Of(forged) {
		t.Fatalf("got %v", err)
	}
	for _, d := range []digest.Digest{p.SHA256, digest.Of(forged)} {
		if _, ok := b.store.HasBlob(d); ok {
			t.Errorf("%s is kept", d)
		}
	}
	b.absent("forged")
	b.clean()
}

// TestOtherPackage: a file of the right sha256 that is another package than the
// lock says, or that leads out of the image.
func TestOtherPackage(t *testing.T) {
	b := newLayerBench(t)
	for _, tc := range []struct {
		name string
		deb  []byte
		want string
	}{
		{"renamed", madeUp("other", "1", nil), "builder renamed: renamed_1_all.deb: holds other 1 all, the lock says renamed 1 all"},
		{"versioned", madeUp("versioned", "2", nil), "builder versioned: versioned_1_all.deb: holds versioned 2 all, the lock says versioned 1 all"},
		{"cut", madeUp("cut", "1", nil)[:200], "builder cut: cut_1_all.deb: "},
		{"leads-out", madeUp("leads-out", "1", nil, debtest.Regular("./../../escaped", "x")), "builder leads-out: leads-out: "},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b.t = t
			p := b.archive.AddPackage(tc.name, "1", "all", tc.deb)
			b.define(tc.name, "small", p)
			_, _, err := b.maker().Make(t.Context(), tc.name)
			if err == nil || !strings.HasPrefix(err.Error(), tc.want) {
				t.Errorf("got %v", err)
			}
			b.absent(tc.name)
			b.clean()
		})
	}
}

// TestConfigureFails: the command and the end of what it said.
func TestConfigureFails(t *testing.T) {
	b := newLayerBench(t)
	p := b.add("fails", map[string]string{"postinst": "#!/bin/sh\nfor i in $(seq 60); do echo line $i; done\nprintf '\\033[31mred\\n' >&2\nexit 7\n"})
	b.define("fails", "small", p)
	_, _, err := b.maker().Make(t.Context(), "fails")
	var configure *builder.ConfigureError
	var exit *sandbox.ExitError
	if !errors.As(err, &configure) || !errors.As(err, &exit) {
		t.Fatalf("got %v", err)
	}
	if exit.Code != 1 { // dpkg's
		t.Errorf("exit code %d", exit.Code)
	}
	log := configure.Log
	if !slices.Equal(log.Command, []string{"sh", "-es"}) || len(log.Lines) != 40 || log.Total < 64 {
		t.Errorf("log: %q, %d lines of %d", log.Command, len(log.Lines), log.Total)
	}
	text := strings.Join(log.Lines, "\n")
	if !strings.Contains(text, "\nline 60\n\x1b[31mred\n") || !strings.Contains(text, "installed fails package post-installation script subprocess returned error exit status 7") {
		t.Errorf("log:\n%s", text)
	}
	for _, e := range b.events {
		if strings.ContainsFunc(e.Step, func(r rune) bool { return r < ' ' }) {
			t.Errorf("step %q", e.Step)
		}
	}
	b.absent("fails")
	b.clean()
}

// TestNotLocked: there is nothing to hold an image against.
func TestNotLocked(t *testing.T) {
	b := newLayerBench(t)
	b.define("open", "small", b.add("open", nil))
	b.define("upon", "open", b.add("upon", nil))
	for _, name := range []string{"open", "upon"} {
		_, err := b.maker().Ensure(t.Context(), name)
		if !errors.Is(err, builder.ErrNotLocked) || err.Error() != "builder open: not locked" {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if _, _, err := b.maker().Make(t.Context(), "upon"); !errors.Is(err, builder.ErrNotLocked) {
		t.Errorf("made upon what is not locked: %v", err)
	}
	delete(b.files, "builders/open.lock")
	_, _, err := b.maker().Make(t.Context(), "open")
	if !errors.Is(err, builder.ErrNotLocked) || err.Error() != "builder open: not locked: no Release date" {
		t.Errorf("without a lock: %v", err)
	}
	var unknown *recipe.UnknownError
	if _, err := b.maker().Ensure(t.Context(), "smal"); !errors.As(err, &unknown) || !slices.Equal(unknown.Near, []string{"small"}) {
		t.Errorf("unknown: %v", err)
	}
	one, err := b.maker().Recipes.Builder("open")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.maker().Find(one); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("found %v", err)
	}
}
