package realize_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	"github.com/fuel-infra/pbuild/internal/event"
	"github.com/fuel-infra/pbuild/internal/realize"
	"github.com/fuel-infra/pbuild/internal/testenv"
	"github.com/fuel-infra/pbuild/sandbox"
	"github.com/fuel-infra/pbuild/store"
	"github.com/fuel-infra/pbuild/store/digest"
)

// TestOutDir: files leave the store whole, with mode 0644, as what can be edited.
func TestOutDir(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0o077))
	s, err := store.Open(filepath.Join(t.TempDir(), "store"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	body := bytes.Repeat([]byte("package "), 1<<17)
	d, err := s.PutBytes(body)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "deep/result")
	path := filepath.Join(dir, "a.deb")
	put := func() {
		t.Helper()
		out := realize.OutDir(s, dir)
		if err := out.Put("a.deb", d, int64(len(body))); err != nil {
			t.Fatal(err)
		}
		if err := out.Close(); err != nil {
			t.Fatal(err)
		}
		info, err := os.Lstat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != 0o644 {
			t.Errorf("mode %v", info.Mode())
		}
		if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, body) {
			t.Errorf("%d bytes, %v", len(got), err)
		}
		entries, err := os.ReadDir(dir)
		if err != nil || len(entries) != 1 {
			t.Errorf("in the directory: %v, %v", entries, err)
		}
	}
	put()

	// What is the same stays, also with a time and a mode of its own.
	old := time.Unix(1e9, 0)
	if err := os.Chtimes(path, old, old); err != nil {
		t.Fatal(err)
	}
	put()
	if info, err := os.Stat(path); err != nil || !info.ModTime().Equal(old) {
		t.Errorf("the same file was written again: %v", err)
	}

	// What is not is replaced, whatever it is.
	for name, spoil := range map[string]func() error{
		"another":   func() error { return os.WriteFile(path, bytes.Repeat([]byte("PACKAGE "), 1<<17), 0o644) },
		"longer":    func() error { return os.WriteFile(path, append(bytes.Clone(body), 'x'), 0o644) },
		"read-only": func() error { return errors.Join(os.WriteFile(path, []byte("x"), 0o644), os.Chmod(path, 0o400)) },
		"a link":    func() error { return errors.Join(os.Remove(path), os.Symlink(s.BlobPath(d), path)) },
	} {
		if err := spoil(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		put()
	}

	// Editing the result in place changes nothing in the store.
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("EDITED"); err != nil {
		t.Fatal(err)
	}
	f.Close()
	if got, err := s.ReadBlob(d, 1<<30); err != nil || !bytes.Equal(got, body) {
		t.Errorf("the store: %v", err)
	}

	// A damaged blob is an error, and what was there stays.
	if err := errors.Join(os.Chmod(s.BlobPath(d), 0o600), os.WriteFile(s.BlobPath(d), bytes.Repeat([]byte("pAckage "), 1<<17), 0o600)); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := realize.OutDir(s, dir).Put("a.deb", d, int64(len(body))); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("damaged: %v", err)
	}
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
		t.Errorf("damaged: what was there is gone, %v", err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("damaged: in the directory: %v, %v", entries, err)
	}
	if err := realize.OutDir(s, dir).Put("b.deb", digest.Of([]byte("none")), 4); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("absent: %v", err)
	}
	if _, err := os.Lstat(filepath.Join(dir, "b.deb")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("absent: %v", err)
	}
}

// TestPutFile: what comes from another process is whole, or not there.
func TestPutFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "result")
	if err := realize.PutFile(dir, "a.deb", strings.NewReader("whole")); err != nil {
		t.Fatal(err)
	}
	if err := realize.PutFile(dir, "a.deb", iotest.TimeoutReader(iotest.OneByteReader(strings.NewReader("half")))); !errors.Is(err, iotest.ErrTimeout) {
		t.Errorf("got %v", err)
	}
	if body, err := os.ReadFile(filepath.Join(dir, "a.deb")); err != nil || string(body) != "whole" {
		t.Errorf("got %q, %v", body, err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("in the directory: %v, %v", entries, err)
	}
	file := filepath.Join(dir, "a.deb")
	if err := realize.PutFile(file, "x", strings.NewReader("")); !errors.Is(err, syscall.ENOTDIR) {
		t.Errorf("into a file: %v", err)
	}
}

// TestSkopeo: the store is an OCI layout to others, and the artifact in it holds
// the packages and nothing else.
func TestSkopeo(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.write("shown", made{outputs: "shown, shown-more", script: "pack shown\npack shown-more\n"})
	r := b.realize("shown", event.Built).Realization
	out := t.TempDir()
	binds := []sandbox.Bind{{Host: b.store.Dir(), Inside: "/run/store"}, {Host: out, Inside: "/run/out", Writable: true}}
	manifest := testenv.Tool(t, binds, "skopeo", "inspect", "--raw", "oci:/run/store:shown-deb")
	want := `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","artifactType":"application/vnd.pbuild.package.v1",` +
		`"config":{"mediaType":"application/vnd.pbuild.package.v1","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2},"layers":[`
	for i, f := range r.Files {
		if i > 0 {
			want += ","
		}
		want += fmt.Sprintf(`{"mediaType":"application/vnd.debian.binary-package","digest":"%s","size":%d,"annotations":{"org.opencontainers.image.title":"%s"}}`,
			f.Digest, f.Size, f.Name)
	}
	if want += "]}"; manifest != want {
		t.Errorf("manifest\n got %s\nwant %s", manifest, want)
	}
	if got := digest.Of([]byte(manifest)); got != r.Manifest || !json.Valid([]byte(manifest)) {
		t.Errorf("artifact %s, recorded %s", got, r.Manifest)
	}

	testenv.Tool(t, binds, "skopeo", "copy", "--insecure-policy", "oci:/run/store:shown-deb", "dir:/run/out")
	for _, f := range r.Files {
		body, err := os.ReadFile(filepath.Join(out, f.Digest.Hex()))
		if err != nil || digest.Of(body) != f.Digest {
			t.Errorf("%s: %v", f.Name, err)
		}
	}
	if body, err := os.ReadFile(filepath.Join(out, "manifest.json")); err != nil || string(body) != manifest {
		t.Errorf("copied manifest %s, %v", body, err)
	}
}
