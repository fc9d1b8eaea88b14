package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
)

// TestTakeRecords: root's process writes what it was asked for and nothing else,
// whole lines only, and goes on when a disk is full.
func TestTakeRecords(t *testing.T) {
	dir := t.TempDir()
	events, junit := filepath.Join(dir, "e"), filepath.Join(dir, "new/j.xml")
	open := func(path string) *os.File {
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	content := func(path string) string {
		b, err := os.ReadFile(path)
		if err != nil {
			return err.Error()
		}
		return string(b)
	}

	none := &recordFiles{}
	for _, kind := range []string{kindEvents, kindJUnit, kindPackage, "x"} {
		if asked, err := none.take(kind, iotest.ErrReader(errors.New("is read"))); asked || err != nil {
			t.Errorf("%s, not asked for: %v %v", kind, asked, err)
		}
	}

	f := &recordFiles{events: open(events), junit: junit}
	died := io.MultiReader(strings.NewReader(`{"half`), iotest.ErrReader(io.ErrUnexpectedEOF))
	for _, c := range []struct {
		kind string
		r    io.Reader
		want error
	}{
		{kindEvents, strings.NewReader("one\n"), nil},
		{kindEvents, strings.NewReader("two\n"), nil},
		{kindJUnit, strings.NewReader("<x/>\n"), nil},
		{kindEvents, died, io.ErrUnexpectedEOF},
	} {
		if asked, err := f.take(c.kind, c.r); !asked || !errors.Is(err, c.want) {
			t.Errorf("%s: %v %v, want %v", c.kind, asked, err, c.want)
		}
	}
	if asked, err := f.take(kindPackage, strings.NewReader("")); asked || err != nil {
		t.Errorf("a package: %v %v", asked, err)
	}
	if err := f.close(); err != nil {
		t.Error(err)
	}
	if got := content(events) + content(junit); got != "one\ntwo\n<x/>\n" {
		t.Errorf("got %q", got)
	}

	full := &recordFiles{events: open("/dev/full"), junit: filepath.Join(events, "j.xml")}
	for _, kind := range []string{kindEvents, kindEvents, kindJUnit} {
		r := strings.NewReader("line\n")
		if asked, err := full.take(kind, r); !asked || err != nil || r.Len() > 0 {
			t.Errorf("%s on a full disk: %v %v, %d bytes not read", kind, asked, err, r.Len())
		}
	}
	const want = "--events: write /dev/full: no space left on device\n--junit: mkdir "
	if err := full.close(); err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("got %v, want %s…", err, want)
	}
}

// TestUnrecorded: a record that can't be written is told, and the exit code stays
// that of the run.
func TestUnrecorded(t *testing.T) {
	broken, full := errors.New("broken"), errors.New("full")
	for _, c := range []struct {
		run, record error
		code        int
		want        string
	}{
		{nil, full, exitFailed, "realize: full"},
		{broken, nil, exitFailed, "broken"},
		{broken, full, exitFailed, "broken\nrealize: full"},
		{&exitError{code: exitBuildFailed}, full, exitBuildFailed, "realize: full"},
		{&exitError{exitBuildFailed, broken}, full, exitBuildFailed, "broken\nrealize: full"},
		{&exitError{code: exitBuildFailed}, nil, exitBuildFailed, "shown above"},
	} {
		err := unrecorded("realize", c.run, c.record)
		if err.Error() != c.want || exitCode(err, false) != c.code {
			t.Errorf("%v and %v: %v, code %d", c.run, c.record, err, exitCode(err, false))
		}
	}
	if err := unrecorded("realize", nil, nil); err != nil {
		t.Error(err)
	}
}
