package store

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"
)

// sumFile stands in db/ while the database is whole and nobody writes. It lists
// Badger's files with size and checksum, sealed. A write session removes it
// first and writes it last, so that without it the last writer was killed; with
// it, files that differ are damaged, and Badger is not let near them: it ends
// the process on a table whose end is not what it expects.
const sumFile = "SUM"

// sumTemp is what becomes sumFile. A writer that was killed leaves it.
const sumTemp = sumFile + ".new"

// sumWhole is the size in bytes up to which a file is summed whole. Of a longer
// one the last sixteenth and this much more is: a table has its index there,
// and sums its blocks itself.
const sumWhole = 16 << 10

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// sumDB returns the text of sumFile for a database as it is.
func sumDB(dir string) ([]byte, error) {
	names, err := readNames(dir)
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	var text bytes.Buffer
	for _, name := range names {
		if name == sumFile || name == sumTemp {
			continue
		}
		size, sum, err := sumEnd(filepath.Join(dir, name))
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&text, "%q %d %08x\n", name, size, sum)
	}
	return seal(text.Bytes()), nil
}

func sumEnd(path string) (size int64, sum uint32, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return 0, 0, err
	}
	size = info.Size()
	h := crc32.New(castagnoli)
	end := min(size, size/16+sumWhole)
	_, err = io.Copy(h, io.NewSectionReader(f, size-end, end))
	return size, h.Sum32(), err
}

// writeSum ends a write session. It is not synced: after a loss of power it
// differs, and the database is rebuilt.
func writeSum(dir string) error {
	text, err := sumDB(dir)
	if err != nil {
		return err
	}
	temp := filepath.Join(dir, sumTemp)
	if err := os.WriteFile(temp, text, 0o600); err != nil {
		return err
	}
	return os.Rename(temp, filepath.Join(dir, sumFile))
}

// checkSum returns errAbsentDB, errUncleanDB, errDamagedDB, or nil.
func checkSum(dir string) error {
	want, err := os.ReadFile(filepath.Join(dir, sumFile))
	if errors.Is(err, os.ErrNotExist) {
		if _, err := os.Lstat(dir); errors.Is(err, os.ErrNotExist) {
			return errAbsentDB
		}
		return errUncleanDB
	}
	if err != nil {
		return err
	}
	got, err := sumDB(dir)
	if err != nil {
		return err
	}
	if !bytes.Equal(got, want) {
		return errDamagedDB
	}
	return nil
}

// removeSum begins a write session.
func removeSum(dir string) error {
	return ignoreNotExist(os.Remove(filepath.Join(dir, sumFile)))
}
