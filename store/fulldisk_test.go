package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/fuel-infra/pbuild/store/digest"
)

func init() { roles["full"] = fullDisk }

// TestFullDisk fills a small file system of its own, and looks what works with
// nothing, little, and almost enough free. Each case is a process in its own
// mount namespace: root is needed, or a user namespace.
func TestFullDisk(t *testing.T) {
	for _, kind := range []string{"tmpfs", "ext4"} {
		if kind == "ext4" && os.Geteuid() != 0 {
			continue // a loop device is root's
		}
		for _, left := range []int64{0, 64 << 10, 300 << 10, 1536 << 10, 63 << 20} {
			for _, crashed := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s %d crashed %t", kind, left, crashed), func(t *testing.T) {
					runMounted(t, kind, strconv.FormatInt(left, 10), strconv.FormatBool(crashed))
				})
			}
		}
	}
	t.Run("inodes", func(t *testing.T) { runMounted(t, "inodes", "0", "false") })
}

// fullDisk is what a process does on a full disk. That it comes to its end is
// half of the test: a SIGBUS would kill it.
func fullDisk(args []string) error {
	base, kind := args[0], args[1]
	left, err := strconv.ParseInt(args[2], 10, 64)
	if err != nil {
		return err
	}
	if err := mount(base, kind); err != nil {
		return err
	}
	s, err := Open(base + "/store")
	if err != nil {
		return err
	}
	if info, err := os.Stat(s.path(reserveFile)); err != nil || info.Size() != reserveSize {
		return fmt.Errorf("no reserve: %w", err)
	}
	var old, now Realization
	for _, p := range []struct {
		r    *Realization
		salt string
	}{{&old, "old"}, {&now, "new"}} {
		r, err := put(s, "hello", p.salt)
		if err != nil {
			return err
		}
		if _, err := s.Record(r, "hello-deb"); err != nil {
			return err
		}
		*p.r = r
	}
	garbage, err := s.PutBytes(bytes.Repeat([]byte("garbage "), 1<<20))
	if err != nil {
		return err
	}
	if err := s.Close(); err != nil {
		return err
	}
	if args[3] == "true" {
		// A writer that was killed: Badger's own files are as large as its
		// memory table, and have holes. And an earlier gc took the reserve.
		if err := crashDB(s); err != nil {
			return err
		}
		if err := os.Remove(s.path(reserveFile)); err != nil {
			return err
		}
	}
	late, err := Open(s.Dir())
	if err != nil {
		return err
	}
	begun, err := late.Create()
	if err != nil {
		return err
	}
	if kind == "inodes" {
		err = errors.Join(begun.Close(), late.Close(), fillInodes(base))
	} else {
		err = errors.Join(fill(base, left), writeOn(begun, left), late.Close())
	}
	if err != nil {
		return err
	}
	return onFullDisk(s, old, now, garbage)
}

// writeOn goes on with a blob begun when there was room.
func writeOn(w *BlobWriter, left int64) error {
	defer w.Close()
	var err error
	for range left/(1<<20) + 16 {
		if _, err = w.Write(make([]byte, 1<<20)); err != nil {
			break
		}
	}
	if err == nil {
		_, _, err = w.Commit(nil) // ext4 may notice only now
	}
	var space *SpaceError
	if !errors.As(err, &space) || space.Path != w.s.dir || space.Free > 1<<20 {
		return fmt.Errorf("a blob that no longer fits: %w", err)
	}
	return w.Close()
}

func onFullDisk(s *Store, old, now Realization, garbage digest.Digest) error {
	again, err := Open(s.Dir())
	if err != nil {
		return err
	}
	if _, err := again.Lookup(now.Key); err != nil {
		return fmt.Errorf("lookup: %w", err)
	}
	if b, err := again.ReadBlob(now.Log, 1<<20); err != nil || string(b) != "log new\n" {
		return fmt.Errorf("read: %q, %w", b, err)
	}
	if all, err := again.Realizations(); err != nil || len(all) != 2 {
		return fmt.Errorf("realizations: %d, %w", len(all), err)
	}
	for what, call := range map[string]func() error{
		"Create": func() error { _, err := again.Create(); return err }, "NewTree": func() error { _, err := again.NewTree(); return err },
		"Scratch": func() error { _, err := again.Scratch("x"); return err }, "PutBytes": func() error { _, err := again.PutBytes(nil); return err },
		"Record":  func() error { _, err := again.Record(now, "hello-deb"); return err },
		"SetRoot": func() error { return again.SetRoot("x", manifestDesc(now.Manifest)) },
	} {
		err := call()
		if !errors.Is(err, ErrNoSpace) || !strings.Contains(err.Error(), s.Dir()+": no space: ") {
			return fmt.Errorf("%s on a full disk: %w", what, err)
		}
	}
	if _, err := again.Verify(context.Background()); err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	dry, err := again.GC(context.Background(), Policy{}, true)
	if err != nil {
		return fmt.Errorf("dry gc: %w", err)
	}
	plan, err := again.GC(context.Background(), Policy{}, false)
	if err != nil {
		return fmt.Errorf("gc: %w", err)
	}
	if fmt.Sprint(dry) != fmt.Sprint(plan) || len(plan.Items) != 7 {
		return fmt.Errorf("gc removed %v, the dry run said %v", plan, dry)
	}
	for _, d := range []digest.Digest{garbage, old.Manifest} {
		if _, ok := again.HasBlob(d); ok {
			return fmt.Errorf("gc left %s", d)
		}
	}
	if err := os.Remove(s.Dir() + "/../filler"); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if _, err := again.GC(context.Background(), Policy{}, false); err != nil { // makes the reserve again
		return err
	}
	if err := removeInodes(s.Dir() + "/.."); err != nil {
		return err
	}
	if got, err := again.Lookup(now.Key); err != nil || got.Manifest != now.Manifest {
		return fmt.Errorf("after gc: %w", err)
	}
	report, err := again.Verify(context.Background())
	if err != nil || len(report.Problems) > 0 {
		return fmt.Errorf("verify after gc: %v, %w", report.Problems, err)
	}
	if info, err := os.Stat(s.path(reserveFile)); err != nil || info.Size() != reserveSize {
		return fmt.Errorf("the reserve was not made again: %w", err)
	}
	if _, err := again.Record(now, "hello-deb"); err != nil {
		return fmt.Errorf("record after gc: %w", err)
	}
	return again.Close()
}
