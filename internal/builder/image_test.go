package builder_test

import (
	"bytes"
	"runtime"
	"syscall"
	"testing"

	"github.com/fuel-infra/pbuild/internal/testenv"
	"path/filepath"
	"time"
)

// TestSameImageWhereverItIsMade makes one image in two stores
func TestSameImageWhereverItIsMade(t *testing.T) {
	packages := testenv.LockedPackages(t, "debian-12-base", smallPackages...)
	b := newBench(t, packages...)
	b.define("small", "", packages...)
	begun := time.Now()
	first := b.locked("small")
	t.Log(time.Since(begun))
	t.Log(first)
	b.clean()
	files := b.files["builders/small.files"].Data

	b.open(filepath.Join(t.TempDir(), "store"))
	defer syscall.Umask(syscall.Umask(0o077))
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	begun = time.Now()
	second := b.locked("small")
	t.Log(time.Since(begun))
	if !bytes.Equal(first.Text(), second.Text()) {
		t.Errorf("%s then %s", first.Text(), second.Text())
	}
	if got := b.files["builders/small.files"].Data; !bytes.Equal(files, got) {
		t.Errorf("%s then %s", files, got)
	}
	t.Logf("%s", files)
	b.clean()
}
