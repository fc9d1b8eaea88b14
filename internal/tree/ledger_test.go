package tree

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fuel-infra/pbuild/store/digest"
)

// sample has every kind, and names and values that need quoting.
var sample = Ledger{
	{Path: "\"q", Kind: File, Mode: 0o644, MTime: epoch, Digest: digest.Of(nil)},
	{Path: ".", Kind: Dir, Mode: 0o755, MTime: epoch},
	{Path: "a", Kind: Dir, Mode: 0o1777, UID: 1, GID: 4294967294, MTime: -5},
	{Path: "a b", Kind: Symlink, Mode: 0o777, MTime: epoch, Link: "../x\ty"},
	{Path: "a/.wh..wh..opq", Kind: Opaque},
	{
		Path: "a/s", Kind: File, Mode: 0o4755, Size: 5, MTime: epoch, Digest: digest.Of([]byte("hello")),
		Xattrs: map[string]string{"user.b": "", "security.capability": "\x01\x00\x02"},
	},
	{Path: "a/t", Kind: HardLink, Mode: 0o4755, MTime: epoch, Link: "a/s"},
	{Path: "caf\xe9\n", Kind: FIFO, Mode: 0, MTime: epoch},
	{Path: "gone", Kind: Whiteout},
	{Path: "null", Kind: CharDev, Mode: 0o666, Major: 1, Minor: 3, MTime: epoch},
	{Path: "sda", Kind: BlockDev, Mode: 0o660, GID: 6, Major: 8, Minor: 1048575, MTime: epoch},
	{Path: "ü", Kind: Dir, Mode: 0o700, MTime: epoch},
}

const sampleText = `pbuild ledger 1
f	0644	0	0	1000000000	"\"q"	0	e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
d	0755	0	0	1000000000	.
d	1777	1	4294967294	-5	a
l	0777	0	0	1000000000	a b	"../x\ty"
o	a/.wh..wh..opq
f	4755	0	0	1000000000	a/s	5	2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824	security.capability	"\x01\x00\x02"	user.b	""
h	4755	0	0	1000000000	a/t	a/s
p	0000	0	0	1000000000	"caf\xe9\n"
w	gone
c	0666	0	0	1000000000	null	1	3
b	0660	0	6	1000000000	sda	8	1048575
d	0700	0	0	1000000000	"\u00fc"
end	12	f4977b58808dd09d73ac8cfa7dcbafc49e9396e55ea13033473d38c7657d2770
`

func TestLedgerText(t *testing.T) {
	if diff := cmp.Diff(sampleText, text(t, sample)); diff != "" {
		t.Fatal(diff)
	}
	got, err := ReadLedger(strings.NewReader(sampleText))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sample, got); diff != "" {
		t.Fatal(diff)
	}
	if got, err := ReadLedger(strings.NewReader(text(t, nil))); err != nil || len(got) != 0 {
		t.Fatal(got, err)
	}
}

// sealed gives lines a valid head and end, so that only the lines are at fault.
func sealed(count int, lines string) string {
	s := ledgerHead + lines
	return s + "end\t" + string(rune('0'+count)) + "\t" + digest.Of([]byte(s)).Hex() + "\n"
}

func TestReadLedgerRefuses(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"empty", "", "line 1: cut off"},
		{"other version", "pbuild ledger 2\n", `line 1: want "pbuild ledger 1"`},
		{"cut", sampleText[:len(sampleText)-80], "cut off"},
		{"cut at a line", strings.SplitAfter(sampleText, "sda")[0][:strings.Index(sampleText, "b\t0660")], "line 12: cut off"},
		{"one digit changed", strings.Replace(sampleText, "9824\t", "9825\t", 1), "damaged"},
		{"text after the end", sampleText + "x", "line 15: text after the end"},
		{"unknown kind", sealed(1, "s\t0644\t0\t0\t0\tx\n"), `line 2: unknown kind "s"`},
		{"short mode", sealed(1, "d\t755\t0\t0\t0\tx\n"), "not in canonical form"},
		{"large mode", sealed(1, "d\t17755\t0\t0\t0\tx\n"), `bad number "17755"`},
		{"plus", sealed(1, "d\t0755\t0\t0\t+1\tx\n"), "not in canonical form"},
		{"owner", sealed(1, "d\t0755\t4294967295\t0\t0\tx\n"), "owner out of range"},
		{"negative size", sealed(1, "f\t0644\t0\t0\t0\tx\t-1\t"+digest.Of(nil).Hex()+"\n"), "negative size"},
		{"needless quotes", sealed(1, "w\t\"x\"\n"), "not in canonical form"},
		{"bad quotes", sealed(1, "w\t\"x\n"), "bad quoting"},
		{"too few", sealed(1, "d\t0755\t0\n"), "too few fields"},
		{"too many", sealed(1, "w\tx\ty\tz\n"), "not in canonical form"},
		{"half an xattr", sealed(1, "d\t0755\t0\t0\t0\tx\tuser.a\n"), "too few fields"},
		{"order", sealed(2, "w\tb\nw\ta\n"), "line 3: a: not sorted"},
		{"twice", sealed(2, "w\ta\nw\ta\n"), "line 3: a: not sorted, or twice"},
		{"dots", sealed(1, "w\ta/../b\n"), "unsafe path: a/../b: holds .."},
		{"absolute", sealed(1, "w\t/b\n"), "unsafe path: /b: not clean"},
		{"link out", sealed(1, "h\t0755\t0\t0\t0\tx\t../y\n"), "unsafe path: ../y: holds .."},
		{"opaque", sealed(1, "o\tx\n"), "an opaque marker is called"},
		{"long line", ledgerHead + strings.Repeat("x", maxLedgerLine+1), "over the limit"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, err := ReadLedger(strings.NewReader(c.in))
			if err == nil || !strings.Contains(err.Error(), c.want) || l != nil {
				t.Fatalf("%v, want %q", err, c.want)
			}
		})
	}
}

func TestLedgerWriteRefuses(t *testing.T) {
	for _, l := range []Ledger{
		{{Path: "b", Kind: Dir}, {Path: "a", Kind: Dir}},
		{{Path: "a", Kind: Dir}, {Path: "a", Kind: Dir}},
		{{Path: "../a", Kind: Dir}},
		{{Path: "a"}},
		{{Path: ".", Kind: File}},
	} {
		if _, err := l.WriteTo(io.Discard); err == nil {
			t.Errorf("%v was written", l)
		}
	}
	if _, err := sample.WriteTo(failing{}); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("a write error became %v", err)
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

func FuzzReadLedger(f *testing.F) {
	f.Add(sampleText)
	f.Add(sealed(1, "w\tx\n"))
	f.Add(ledgerHead)
	f.Fuzz(func(t *testing.T, in string) {
		// The checksum would hide all else from the fuzzer: give each input its own.
		body := in
		if i := strings.LastIndex(in, "end\t"); i >= 0 {
			body = in[:i]
		}
		n := strings.Count(body, "\n") - 1
		if n >= 0 && n < 10 && strings.HasPrefix(body, ledgerHead) {
			in = sealed(n, strings.TrimPrefix(body, ledgerHead))
		}
		l, err := ReadLedger(strings.NewReader(in))
		if err != nil {
			return
		}
		if again := text(t, l); again != in {
			t.Fatalf("printed differently:\n%q\n%q", in, again)
		}
	})
}
