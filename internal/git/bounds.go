package git

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/fuel-infra/pbuild/internal/tree"
)

// bounds are the limits of one run of git, whatever a server does. A zero field
// means the default; tests set them.
type bounds struct {
	stall   time.Duration   // in which git has to say or write something
	longest time.Duration   // of one run of git
	bytes   int64           // of a repository in Tmp
	files   int             // of a repository in Tmp
	pauses  []time.Duration // before each source that broke off is asked again
}

func (b bounds) orDefault() bounds {
	if b.stall == 0 {
		b.stall = 30 * time.Second
	}
	if b.longest == 0 {
		b.longest = time.Hour
	}
	if b.bytes == 0 {
		b.bytes = 4 << 30
	}
	if b.files == 0 {
		b.files = 200_000
	}
	if b.pauses == nil {
		b.pauses = []time.Duration{time.Second, 4 * time.Second}
	}
	return b
}

func (b bounds) check(bytes int64, files int) error {
	if bytes > b.bytes {
		return fmt.Errorf("%w: size: a repository of more than %d bytes", tree.ErrLimit, b.bytes)
	}
	if files > b.files {
		return fmt.Errorf("%w: entries: a repository of more than %d files", tree.ErrLimit, b.files)
	}
	return nil
}

// measure returns what a repository takes on disk. Files come and go meanwhile.
func measure(repo string) (bytes int64, files int) {
	if repo == "" {
		return 0, 0
	}
	_ = filepath.WalkDir(repo, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil //nolint:nilerr // gone by now
		}
		files++
		if info, err := d.Info(); err == nil && info.Mode().IsRegular() {
			bytes += info.Size()
		}
		return nil
	})
	return bytes, files
}
