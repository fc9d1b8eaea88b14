package fetch

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func TestFileMirror(t *testing.T) {
	root := filepath.Join(t.TempDir(), "my mirror")
	pool := filepath.Join(root, "pool")
	if err := os.MkdirAll(filepath.Join(pool, "dir.deb"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"a+1.deb": "a", "long.deb": "long", "short.deb": "s", "wrong.deb": "WRONG"} {
		if err := os.WriteFile(filepath.Join(pool, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(pool, "fifo.deb"), 0o644); err != nil {
		t.Fatal(err)
	}
	base := "file://" + filepath.Dir(root) + "/my%20mirror"
	for _, tc := range []struct{ path, content, want string }{
		{"pool/a+1.deb", "a", ""},
		{"pool/none.deb", "x", "fetch 1 file: gone from every mirror:\n  pool/none.deb (none): " + base + ": no such file"},
		{"pool/dir.deb", "x", "fetch " + base + "/pool/dir.deb: not a regular file"},
		{"pool/fifo.deb", "x", "fetch " + base + "/pool/fifo.deb: not a regular file"},
		{"pool/a+1.deb/x", "x", "fetch " + base + "/pool/a%2B1.deb/x: not a directory"},
		{"pool/long.deb", "l", "fetch " + base + "/pool/long.deb: size mismatch: want 1 bytes, got at least 4"},
		{"pool/short.deb", "short", "fetch " + base + "/pool/short.deb: size mismatch: want 5 bytes, got 1"},
		{base + "/pool/a+1.deb", "a", ""},
		{base + "/pool/none.deb", "x", "fetch 1 file: gone from every mirror:\n  " + base + "/pool/none.deb (none): " + base + "/pool/none.deb: no such file"},
	} {
		s := newStore(t)
		c, _ := newClient(t, s, base)
		err := c.All(t.Context(), []File{file(tc.path, tc.content)}, nil)
		if tc.want == "" {
			if err != nil {
				t.Errorf("%s: %v", tc.path, err)
			}
			holds(t, s, tc.content)
			continue
		}
		wantError(t, err, tc.want)
		holds(t, s)
	}
}
