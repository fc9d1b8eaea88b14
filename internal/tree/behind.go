package tree

import (
	"fmt"
	"io"
	"runtime"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/fuel-infra/pbuild/store/digest"
)

const (
	// maxBehind is the size in bytes up to which a file is made behind the reader.
	maxBehind = 64 << 10
	// maxWaiting bounds how many files wait, and so the memory: 4 MiB.
	maxWaiting = 64
)

// behind makes small files while the archive is read on: of a tree of many, half
// the time goes into calls that make them. What comes later and needs them waits
// for drain.
type behind struct {
	files   chan *smallFile
	workers sync.WaitGroup
	waiting sync.WaitGroup // for files that are not made yet
	buffers sync.Pool
	made    []*madeFile // all

	failed atomic.Bool
	mu     sync.Mutex // guards err
	err    error      // a *behindError, of the first that failed
}

// smallFile is a file to be made: its bytes and where it goes.
type smallFile struct {
	dir   *heldDir
	name  string
	entry Entry
	bytes *[]byte
	made  *madeFile
}

// madeFile is what is kept of one.
type madeFile struct {
	place  int // in the ledger
	digest digest.Digest
}

// behindError is about a file that was read before, and names it.
type behindError struct{ err error }

func (e *behindError) Error() string { return e.err.Error() }
func (e *behindError) Unwrap() error { return e.err }

// heldDir is a directory that stays open until the last file in it is made.
type heldDir struct {
	path  string
	fd    int
	users atomic.Int32
}

func (d *heldDir) leave() {
	if d != nil && d.users.Add(-1) == 0 {
		unix.Close(d.fd)
	}
}

func newBehind() *behind {
	b := &behind{files: make(chan *smallFile, maxWaiting)}
	b.buffers.New = func() any { p := make([]byte, maxBehind); return &p }
	for range min(runtime.GOMAXPROCS(0), 4) {
		b.workers.Go(func() {
			for f := range b.files {
				b.make(f)
			}
		})
	}
	return b
}

// add reads a file's bytes and lets it be made.
func (b *behind) add(dir *heldDir, name string, e Entry, place int, r io.Reader) error {
	f := &smallFile{dir: dir, name: name, entry: e, bytes: b.buffers.Get().(*[]byte), made: &madeFile{place: place}}
	if _, err := io.ReadFull(r, (*f.bytes)[:e.Size]); err != nil {
		return err
	}
	dir.users.Add(1)
	b.made = append(b.made, f.made)
	b.waiting.Add(1)
	b.files <- f
	return nil
}

func (b *behind) make(f *smallFile) {
	defer b.waiting.Done()
	defer f.dir.leave()
	defer b.buffers.Put(f.bytes)
	if b.failed.Load() {
		return
	}
	body := (*f.bytes)[:f.entry.Size]
	f.made.digest = digest.Of(body)
	err := makeFile(f.dir.fd, f.name, f.entry.Mode, f.entry.MTime, func(fd int) error { return writeAll(fd, body) })
	if err == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err == nil {
		b.err = &behindError{fmt.Errorf("unpack %s: %w", quoteName(f.entry.Path), thereAlready(err))}
	}
	b.failed.Store(true)
}

// drain waits until all files are made that were added.
func (b *behind) drain() error {
	b.waiting.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err
}

// end waits, and ends the workers. It can be called again.
func (b *behind) end() error {
	err := b.drain()
	if b.files != nil {
		close(b.files)
		b.workers.Wait()
		b.files = nil
	}
	return err
}
