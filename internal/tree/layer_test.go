package tree

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/fuel-infra/pbuild/store/digest"
)

var longName = strings.Repeat("n", 120)

// layerItems is a tree with what makes layers differ: names around the slash in
// byte order, hard links, special modes, times above the clamp, long and odd names.
var layerItems = []item{
	{kind: Dir, path: "usr", mode: 0o755},
	{kind: Dir, path: "usr/bin", mode: 0o755, mtime: 2_000_000_000},
	{kind: File, path: "usr/bin/su", mode: 0o755, data: "su\n"},
	{kind: File, path: "usr/bin-old", mode: 0o644, data: "old\n", mtime: 999},
	{kind: HardLink, path: "usr/bin/a-link", data: "usr/bin/su"},
	{kind: Symlink, path: "bin", data: "usr/bin"},
	{kind: Symlink, path: "out", data: "/etc/passwd"},
	{kind: Dir, path: "tmp", mode: 0o1777},
	{kind: Dir, path: "closed", mode: 0o000},
	{kind: File, path: "empty", mode: 0o600},
	{kind: File, path: "shadow", mode: 0o000, data: "root:*\n"},
	{kind: FIFO, path: "pipe", mode: 0o620},
	{kind: File, path: "big", mode: 0o644, data: strings.Repeat("0123456789abcdef", 40_000)},
	{kind: File, path: longName, mode: 0o644, data: "long\n"},
	{kind: File, path: "caf\xe9", mode: 0o644, data: "latin1\n"},
}

var layerOwners = map[string]Entry{
	"usr/bin/a-link": {Kind: HardLink, Mode: 0o4711, Xattrs: map[string]string{"security.capability": "\x01", "user.overlay.origin": "x"}},
	"shadow":         {Kind: File, GID: 42, Mode: 0o640},
	"tmp":            {Kind: File, UID: 7, Mode: 0o4755}, // another kind: does not count
	"empty":          {Kind: File, UID: 3_000_000, GID: 8},
	"elsewhere":      {Kind: File, UID: 9},
}

const layerText = `pbuild ledger 1
f	0644	0	0	1000000000	big	640000	74c3db5147cd508b22a5138b857e451b905d94d15728893ccf0027b235a6b1a3
l	0777	0	0	1000000000	bin	usr/bin
f	0644	0	0	1000000000	"caf\xe9"	7	e09880f6f49f63eb36a128f8c0e5fe7c9a544a29d3e2a755ca30eeff2e41ad6d
d	0000	0	0	1000000000	closed
f	0600	3000000	8	1000000000	empty	0	e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
f	0644	0	0	1000000000	nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn	5	bbdbb75b415ee9a40f0b3796a8b41a0b7723afe5726b870474ad220a4886d06d
l	0777	0	0	1000000000	out	/etc/passwd
p	0620	0	0	1000000000	pipe
f	0000	0	42	1000000000	shadow	7	8aeca397b41685667ca075e3d1aca91a70d1061e9ce828e6bb43d8837aa40455
d	1777	0	0	1000000000	tmp
d	0755	0	0	1000000000	usr
d	0755	0	0	1500000000	usr/bin
f	0644	0	0	999	usr/bin-old	4	01d09d19c2139a46aebfb577780d123d7396e97201bc7ead210a2ebff8239dee
f	4755	0	0	1000000000	usr/bin/a-link	3	d928f50882dafa9d44254d694a9c1a6d56e9aaae3d5ecb39d82cbaaad56b2a9e	security.capability	"\x01"
h	4755	0	0	1000000000	usr/bin/su	usr/bin/a-link
end	15	460755189c3ff8df3268b5340541c5adf5df3b731329c5d982fc43496be93d4a
`

func makeLayerTree(t testing.TB, items []item) string {
	t.Helper()
	dir := t.TempDir()
	makeItems(t, dir, items)
	return dir
}

func writeLayer(t testing.TB, c Capture) ([]byte, Ledger) {
	t.Helper()
	var b bytes.Buffer
	l, err := WriteLayer(context.Background(), &b, c)
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), l
}

// The golden digest is that of the layer's bytes: it changes with archive/tar
// only by a change there, and then all builder digests change too.
func TestWriteLayerGolden(t *testing.T) {
	const want = "sha256:a280d2e8154cb6c90785aaefaa7e92efaa73d3474480a5cb12bd230f63c1aad4"
	dir := makeLayerTree(t, layerItems)
	b, l := writeLayer(t, Capture{Dir: dir, Owners: layerOwners, Clamp: 1_500_000_000})
	if diff := cmp.Diff(layerText, text(t, l)); diff != "" {
		t.Errorf("ledger:\n%s", diff)
	}
	if got := digest.Of(b).String(); got != want {
		t.Errorf("layer: %s, want %s", got, want)
	}

	backwards := slices.Clone(layerItems)
	slices.Reverse(backwards)
	slices.SortStableFunc(backwards, func(a, b item) int { return order(a.kind) - order(b.kind) })
	old := syscall.Umask(0o077)
	defer syscall.Umask(old)
	again, _ := writeLayer(t, Capture{Dir: makeLayerTree(t, backwards), Owners: layerOwners, Clamp: 1_500_000_000})
	if !bytes.Equal(b, again) {
		t.Error("the layer depends on the order of creation or the umask")
	}
}

func order(k Kind) int {
	switch k {
	case Dir:
		return 0
	case HardLink:
		return 2
	}
	return 1
}

func TestWriteLayerLeavesTheTreeAsItWas(t *testing.T) {
	dir := makeLayerTree(t, layerItems)
	before := listing(t, dir)
	writeLayer(t, Capture{Dir: dir})
	if diff := cmp.Diff(before, listing(t, dir)); diff != "" {
		t.Fatal(diff)
	}
}

func TestLayerRoundTrip(t *testing.T) {
	b, l := writeLayer(t, Capture{Dir: makeLayerTree(t, layerItems), Owners: layerOwners, Clamp: 1_500_000_000})
	dir := t.TempDir()
	got, err := UnpackLayer(context.Background(), bytes.NewReader(b), dir, UnpackOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Chmod(filepath.Join(dir, "closed"), 0o700) })
	if diff := Diff(l, got); diff != nil {
		t.Fatal(diff)
	}
	if err := CheckFull(context.Background(), dir, got); err != nil {
		t.Fatal(err)
	}
	owners := make(map[string]Entry)
	for _, e := range got {
		owners[e.Path] = e
	}
	again, _ := writeLayer(t, Capture{Dir: dir, Owners: owners, Clamp: 1_500_000_000})
	if !bytes.Equal(b, again) {
		t.Fatal("unpacked and written again, the layer has other bytes")
	}
	var st unix.Stat_t
	if err := unix.Lstat(filepath.Join(dir, "usr/bin/su"), &st); err != nil || st.Mode&0o7777 != 0o755 || st.Nlink != 2 {
		t.Fatalf("mode %o, links %d, %v: setuid is to stay off the disk", st.Mode, st.Nlink, err)
	}
}

func TestWriteLayerRefuses(t *testing.T) {
	for _, c := range []struct {
		name, want string
		make       func(t *testing.T, dir string)
	}{
		{"whiteout's name", "d/.wh.x: a name that means a whiteout", func(t *testing.T, dir string) {
			makeItems(t, dir, []item{{kind: File, path: "d/.wh.x", mode: 0o644}})
		}},
		{"socket", "sock: a socket can't stand in a tree", func(t *testing.T, dir string) {
			fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer unix.Close(fd)
			t.Chdir(dir) // sun_path is short
			if err := unix.Bind(fd, &unix.SockaddrUnix{Name: "sock"}); err != nil {
				t.Fatal(err)
			}
		}},
		{"depth", "over the limit: depth", func(t *testing.T, dir string) {
			// Deeper than a path may be long is only reached step by step.
			fd, err := unix.Open(dir, unix.O_RDONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			for range 300 {
				if err := unix.Mkdirat(fd, "d", 0o755); err != nil {
					t.Fatal(err)
				}
				next, err := unix.Openat(fd, "d", unix.O_RDONLY, 0)
				unix.Close(fd)
				if err != nil {
					t.Fatal(err)
				}
				fd = next
			}
			unix.Close(fd)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			c.make(t, dir)
			l, err := WriteLayer(context.Background(), new(bytes.Buffer), Capture{Dir: dir})
			if err == nil || !strings.Contains(err.Error(), c.want) || l != nil {
				t.Fatalf("%v, want %q", err, c.want)
			}
		})
	}
}

// growing appends to a file while the layer that holds it is written.
type growing struct{ path string }

func (g growing) Write(p []byte) (int, error) {
	f, err := os.OpenFile(g.path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	_, err = f.WriteString("more")
	return len(p), err
}

func TestWriteLayerNoticesChanges(t *testing.T) {
	dir := t.TempDir()
	makeItems(t, dir, []item{{kind: File, path: "x", mode: 0o644, data: strings.Repeat("x", 4<<20)}})
	_, err := WriteLayer(context.Background(), growing{filepath.Join(dir, "x")}, Capture{Dir: dir})
	if err == nil || !strings.Contains(err.Error(), "x: changed while it was read") {
		t.Fatal(err)
	}
}

func TestWriteLayerStops(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := WriteLayer(ctx, new(bytes.Buffer), Capture{Dir: t.TempDir()}); err == nil || !strings.Contains(err.Error(), context.Canceled.Error()) {
		t.Fatal(err)
	}
}
