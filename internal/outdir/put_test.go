package outdir

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// TestPutIsWhole: a file is not seen before it is whole, and replaces another one.
// What a process leaves that is killed in the middle is nothing, where the file
// system can make a file without a name.
func TestPutIsWhole(t *testing.T) {
	for what, create := range map[string]func(*os.Root, string) (*os.File, error){"unnamed": unnamed, "named": named} {
		t.Run(what, func(t *testing.T) {
			dir := t.TempDir()
			d, err := os.OpenRoot(dir)
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			for _, old := range []string{"", "text\n"} {
				err := put(d, "file", create, func(f *os.File) error {
					if err := text(f); err != nil {
						return err
					}
					if body, _ := os.ReadFile(filepath.Join(dir, "file")); string(body) != old {
						t.Errorf("before: %q", body)
					}
					if names, _ := filepath.Glob(dir + "/.*"); len(names) != map[string]int{"unnamed": 0, "named": 1}[what] {
						t.Errorf("in the making: %q", names)
					}
					return nil
				})
				if err != nil {
					t.Fatal(err)
				}
			}
			body, err := os.ReadFile(filepath.Join(dir, "file"))
			if err != nil || string(body) != "text\n" {
				t.Errorf("got %q, %v", body, err)
			}
			if info, err := os.Stat(filepath.Join(dir, "file")); err != nil || info.Mode() != 0o644 {
				t.Errorf("got %v, %v", info, err)
			}
			if names, _ := filepath.Glob(dir + "/.*"); len(names) > 0 {
				t.Errorf("left: %q", names)
			}
		})
	}
}

// TestPutWithoutSpace: a full disk of the folder is not one of the store.
func TestPutWithoutSpace(t *testing.T) {
	dir := t.TempDir()
	err := Put(dir, "file", func(*os.File) error { return &os.PathError{Op: "write", Path: "x", Err: unix.ENOSPC} })
	var space *SpaceError
	if !errors.As(err, &space) || errors.Is(err, unix.ENOSPC) || err.Error() != dir+"/file: no space left on device" {
		t.Errorf("got %v", err)
	}
}
