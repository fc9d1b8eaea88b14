package fetch

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestOffline: no mirror gets so much as a connection, whatever is asked for; a
// call for what is there is as ever.
func TestOffline(t *testing.T) {
	files := map[string]string{"pool/a.deb": "a", "pool/b.deb": "b", "pool/c.deb": "c", "pool/d.deb": "d", "pool/e.deb": "e"}
	a := newArchive(t, files)
	s := newStore(t)
	if _, err := s.PutBytes([]byte("a")); err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	if err := os.MkdirAll(filepath.Join(folder, "pool"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "pool/b.deb"), []byte("b"), 0o644); err != nil {
		t.Fatal(err)
	}
	list := filesOf(files)
	url := file(strings.Replace(a.base(), "://", "://me:secret@", 1)+"/pool/b.deb", "b")
	for _, tc := range []struct {
		name  string
		files []File
		want  string
	}{
		{"all", list, "offline: 4 files are not in the store: pool/b.deb, pool/c.deb, pool/d.deb and 1 more"},
		{"three", list[:4], "offline: 3 files are not in the store: pool/b.deb, pool/c.deb, pool/d.deb"},
		{"one", list[:2], "offline: 1 file is not in the store: pool/b.deb"},
		{"one twice", []File{list[1], list[0], list[1]}, "offline: 1 file is not in the store: pool/b.deb"},
		{"a URL", []File{url}, "offline: 1 file is not in the store: " + strings.Replace(a.base(), "://", "://me:xxxxx@", 1) + "/pool/b.deb"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			given, k := newClient(t, s, a.base(), "file://"+folder)
			host, _ := clientOf(t, s, Mirrors{Suite: "bookworm", Host: []Mirror{{Base: a.base(), From: "sources.list:1"}}})
			for _, c := range []*Client{given, host} {
				c.Offline = true
				err := c.All(t.Context(), tc.files, func(int64, int64) { t.Error("progress") })
				wantError(t, err, tc.want)
				var offline *OfflineError
				if !errors.As(err, &offline) || len(offline.Files) == 0 {
					t.Errorf("%#v", err)
				}
				_, err = c.Unverified(t.Context(), "dists/bookworm/InRelease", 1)
				wantError(t, err, "fetch offline: 1 file is not in the store: dists/bookworm/InRelease")
				if err := c.All(t.Context(), list[:1], nil); err != nil {
					t.Errorf("what is there: %v", err)
				}
			}
			if len(k.slept) != 0 {
				t.Errorf("slept %v", k.slept)
			}
		})
	}
	if _, conns := a.load(); conns != 0 {
		t.Errorf("%d connections", conns)
	}
	holds(t, s, "a")
	// The same client would have got them.
	c, _ := newClient(t, s, a.base())
	if err := c.All(t.Context(), append(list, url), nil); err != nil {
		t.Fatal(err)
	}
	holds(t, s, "a", "b", "c", "d", "e")
}
