package realize

import (
	"os"
	"path/filepath"
	"testing"
)

// TestCheckWhole: a file may have as many zeros as a compressing file system makes
// holes of, and not be mostly one.
func TestCheckWhole(t *testing.T) {
	const mib = 1 << 20
	for _, c := range []struct {
		size, data int64 // data in the middle
		want       string
	}{
		{0, 0, ""},
		{mib, 0, ""},
		{6 * mib, 3 * mib, ""},
		{3 * mib, 3 * mib, ""},
		{6 * mib, 2 * mib, "has holes: of 6291456 bytes at least 4194304 are not there"},
		{2 * mib, 0, "has holes: of 2097152 bytes at least 2097152 are not there"},
	} {
		f, err := os.Create(filepath.Join(t.TempDir(), "x"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		b := make([]byte, c.data)
		for i := range b {
			b[i] = 'x'
		}
		_, err = f.WriteAt(b, (c.size-c.data)/2&^(64<<10-1))
		if err == nil {
			err = f.Truncate(c.size)
		}
		if err != nil {
			t.Fatal(err)
		}
		text := ""
		if err := checkWhole(f, c.size); err != nil {
			text = err.Error()
		}
		if at, err := f.Seek(0, 1); text != c.want || err != nil || text == "" && at != 0 {
			t.Errorf("%+v: %q, at %d", c, text, at)
		}
	}
}
