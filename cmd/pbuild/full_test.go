package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const (
	roomy  = 300 << 20 // bytes of a disk that is not full
	inodes = 1 << 20   // likewise
)

// TestFullDisk: on a disk that is full, or almost, nothing is built and nothing
// damaged; what is there can be read, and gc makes room.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	if !inMounts(t) {
		return
	}
	p := newTinyPlace(t, 2)
	disk := p.moveToSmallDisk(t)
	for i, c := range []struct {
		bytes, inodes int64
		crashed       bool
		why           string
	}{
		{0, inodes, false, `\d+ bytes free`},
		{0, inodes, true, `\d+ bytes free`},
		{300 << 10, inodes, true, `\d+ bytes free`},
		{63 << 20, inodes, false, `\d+ bytes free`},
		{roomy, 0, false, "no inodes free"},
		{roomy, 0, true, "no inodes free"},
	} {
		t.Run(fmt.Sprintf("%d bytes, %d inodes, crashed %t", c.bytes, c.inodes, c.crashed), func(t *testing.T) {
			p := p.on(t)
			p.ok("store", "gc") // makes the reserve
			p.salt("k0", fmt.Sprintf("garbage %d", i))
			p.ok("realize", "k0")
			p.salt("k0", fmt.Sprintf("kept %d", i))
			p.ok("realize", "k0")
			p.salt("k1", fmt.Sprintf("new %d", i))
			for try := 0; c.crashed && p.names("tmp") == nil; try++ {
				if try == 100 {
					t.Fatal("no kill left anything in tmp")
				}
				delay := 50 + 50*(try%20) // milliseconds; a build is no longer than the last ones
				p.salt("k1", fmt.Sprintf("new %d %d", i, try))
				p.run("pbuild-killed", killMain, fmt.Sprint(delay*1000), "realize", "k1")
			}
			leave(t, disk, c.bytes, c.inodes)
			defer leave(t, disk, roomy, inodes)
			p.full(t, c.why)
			leave(t, disk, roomy, inodes)
			if r := p.ok("realize", "k1"); !strings.HasPrefix(r.stdout, "built\t") {
				t.Error(r)
			}
		})
	}
	t.Run("out", func(t *testing.T) { p.on(t).fullOut(t) })
	t.Run("source", func(t *testing.T) { p.on(t).largeSource(t, disk) })
	t.Run("build", func(t *testing.T) { p.on(t).fillsDisk(t, disk) })
	p.ok("store", "gc")
	if info, err := os.Stat(filepath.Join(p.store, "reserve")); err != nil || info.Size() != 64<<20 {
		t.Errorf("the reserve was not made again: %v, %v", info, err)
	}
	p.ok("store", "verify")
}

// full uses a store whose disk is full: k0 is in it, and k1 is not.
func (p *tinyPlace) full(t *testing.T, why string) {
	t.Helper()
	before := p.ok("store", "ls").stdout
	r := p.run("pbuild", "realize", "k1", "--out", "other")
	want := regexp.MustCompile(": " + p.store + ": no space: " + why + "\nhint: pbuild store gc\n")
	if r.code != exitFailed || r.stdout != "" || !want.MatchString(r.stderr) || strings.Contains(r.stderr, ": built ") {
		t.Errorf("want %s: got %s", want, r)
	}
	if _, err := os.Lstat(filepath.Join(p.dir, "other")); !os.IsNotExist(err) {
		t.Errorf("other/: %v", err)
	}
	p.read(want, "cached\trpm\t", "realize", "k0", "--out", "out")
	p.read(want, "rpmbuild", "log", "k0")
	p.read(want, "k0\trpm\tcached", "plan", "--all")
	p.ok("store", "path", "k0")
	if got := p.ok("store", "ls").stdout; got != before {
		t.Errorf("listed %s, before %s", got, before)
	}
	dry := p.ok("store", "gc", "--keep-within", "0", "--dry-run").stdout
	if gone := p.ok("store", "gc", "--keep-within", "0").stdout; gone != dry || !strings.Contains(gone, "realization\t") {
		t.Errorf("gc removed %s, the dry run said %s", gone, dry)
	}
	if names := p.names("tmp"); names != nil {
		t.Errorf("left in tmp: %q", names)
	}
	p.read(want, "cached\trpm\t", "realize", "k0", "--out", "out")
}

// read wants a command that only reads to work on a full disk. Root's worker gets the
// collection into the store's directory, and needs some room there.
func (p *tinyPlace) read(full *regexp.Regexp, says string, args ...string) {
	p.t.Helper()
	r := p.run("pbuild", args...)
	if os.Geteuid() == 0 && r.code == exitFailed && full.MatchString(r.stderr) {
		return
	}
	if r.code != exitDone || !strings.Contains(r.stdout, says) {
		p.t.Error(r)
	}
}

// on is the place in a subtest.
func (p *tinyPlace) on(t *testing.T) *tinyPlace {
	q := *p
	q.t = t
	return &q
}

// fullOut hands over to a full disk, which is not the store's.
func (p *tinyPlace) fullOut(t *testing.T) {
	small := filepath.Join(p.dir, "small")
	smallDisk(t, small, "mode=0755,size=4096")
	p.ok("realize", "k0")
	r := p.run("pbuild", "realize", "k0", "--out", small)
	want := "small/k0-1.0-1.noarch.rpm: no space left on device\nhint: another disk?  --out DIR\n"
	// Root's worker has done its part, and says so, before its parent writes the file.
	if r.code != exitFailed || r.stdout != "" && os.Geteuid() != 0 || !strings.Contains(r.stderr, want) || strings.Contains(r.stderr, "store gc") {
		t.Errorf("want %s: got %s", want, r)
	}
	if left, err := os.ReadDir(small); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

// largeSource has a source for which there is no room.
func (p *tinyPlace) largeSource(t *testing.T, disk string) {
	large := filepath.Join(p.dir, "recipes/k1/src/large")
	p.write("recipes/k1/src/large", "")
	if err := os.Truncate(large, 100<<20); err != nil {
		t.Fatal(err)
	}
	leave(t, disk, 80<<20, inodes)
	defer leave(t, disk, roomy, inodes)
	r := p.run("pbuild", "realize", "k1")
	// Root's worker has no room for what it is sent; a user's build is stopped when it
	// unpacks the source.
	want := regexp.MustCompile(`: ` + p.store + `: no space: \d+ bytes free\nhint: pbuild store gc\n`)
	code := exitFailed
	if os.Geteuid() != 0 {
		code, want = exitBuildFailed, regexp.MustCompile("free space: less than 128 MiB left on the disk: .*\nhint: pbuild store gc\n")
	}
	if r.code != code || r.stdout != "" || !want.MatchString(r.stderr) {
		t.Errorf("want %s: got %s", want, r)
	}
	if names := p.names("tmp"); names != nil {
		t.Errorf("left in tmp: %q", names)
	}
	if err := os.Remove(large); err != nil {
		t.Fatal(err)
	}
}

// fillsDisk builds what fills the disk while it is built.
func (p *tinyPlace) fillsDisk(t *testing.T, disk string) {
	leave(t, disk, 160<<20, inodes)
	defer leave(t, disk, roomy, inodes)
	p.write("recipes/k1/k.spec", strings.ReplaceAll(tinySpec, "NAME", "k1")+"\n%build\ncat /dev/zero >filler\n")
	r := p.run("pbuild", "realize", "k1")
	// Noticed before the disk is full, unless the program is too fast.
	want := regexp.MustCompile("(?s)(free space: less than 128 MiB left on the disk|No space left on device).*\nhint: pbuild store gc\n")
	if r.code != exitBuildFailed || r.stdout != "" || !want.MatchString(r.stderr) {
		t.Errorf("want %s: got %s", want, r)
	}
	if names := p.names("tmp"); names != nil {
		t.Errorf("left in tmp: %q", names)
	}
	p.write("recipes/k1/k.spec", strings.ReplaceAll(tinySpec, "NAME", "k1"))
	p.ok("realize", "k1")
}
