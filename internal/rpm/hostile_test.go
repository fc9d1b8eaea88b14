package rpm_test

import (
	"bytes"
	"crypto/md5"
	"errors"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/fuel-infra/pbuild/internal/rpm"
)

func TestOpenRefuses(t *testing.T) {
	good := packageOf(minimal()...)
	if _, err := open(good); err != nil {
		t.Fatal(err)
	}
	main := headerOf(63, minimal()...)
	sig := func(items ...item) []byte { return pack(headerOf(62, items...), main, payload) }
	sigs := sigItems(main, payload)
	at := func(n uint32) *uint32 { return &n }
	withOffset := func(i item, n uint32) item { i.offset = at(n); return i }
	withCount := func(i item, n uint32) item { i.count = n; return i }
	withKind := func(i item, n uint32) item { i.kind = n; return i }
	with := func(items ...item) []byte { return packageOf(minimal(items...)...) }
	but := func(i item) []byte { return packageOf(replace(minimal(), i)...) }
	file := func(change ...item) []byte { return packageOf(oneFile(change...)...) }
	long := strings.Repeat("x", 256)
	empty, noRegion := [16]byte{}, rawHeader(0, 0, nil, nil)
	for _, c := range []struct {
		name string
		in   []byte
		want string
	}{
		{"empty", nil, "rpm: not an rpm"},
		{"a deb", []byte("!<arch>\n" + long), "rpm: not an rpm"},
		{"cut in the lead", good[:95], "rpm: not an rpm"},
		{"lead's version", flip(good, 4), "rpm: lead: version 2 with signatures of type 5: want 3 or 4 with 5"},
		{"cut in the signature's intro", good[:100], "rpm: signature header: cut off"},
		{"signature's magic", flip(good, 96), "rpm: signature header: no header's magic"},
		{"cut in the signature", good[:150], "rpm: signature header: cut off: "},
		{"many tags", pack(rawHeader(33, 16, nil, nil), main, payload), "rpm: signature header: over the limit: 33 tags with 16 bytes, at most 32 with 67108864"},
		{"much data", pack(rawHeader(1, 64<<20+1, nil, nil), main, payload), "rpm: signature header: over the limit: 1 tags with 67108865 bytes"},
		{"negative sizes", pack(rawHeader(1<<32-1, 1<<32-1, nil, nil), main, payload), "rpm: signature header: over the limit: 4294967295 tags with 4294967295 bytes"},
		{"main's tags", packageWith(rawHeader(0x10000, 16, nil, nil)), "rpm: header: over the limit: 65536 tags with 16 bytes, at most 65535 with 268435455"},
		{"main's data", packageWith(rawHeader(1, 0x10000000, nil, nil)), "rpm: header: over the limit: 1 tags with 268435456 bytes"},
		{"claimed data", packageWith(rawHeader(1, 0x0fffffff, nil, nil)), "rpm: header: cut off: 268435471 bytes, but 11 are left"},
		{"signature alone", slices.Concat(lead(), headerOf(62, sigs[0])), "rpm: signature header: cut off"},
		{"no header", slices.Concat(lead(), headerOf(62, sigs...), make([]byte, 7)), "rpm: header: "},

		// What binds the parts.
		{"cut in the payload", good[:len(good)-1], "rpm: header and payload have "},
		{"more behind", append(bytes.Clone(good), 0), "rpm: header and payload have "},
		{"payload", flip(good, len(good)-1), "rpm: payload: its sha256 is "},
		{"header", flip(good, bytes.Index(good, []byte("noarch"))), "rpm: header: its sha256 is "},
		{"stated sha1", flip(good, bytes.IndexByte(good, 'f')), "rpm: "},
		{"no digest", sig(sigs[2]), "rpm: signature header: no digest of the header"},
		{"no signature header's tag", pack(noRegion, main, payload), "rpm: signature header: no digest of the header"},
		{"short sha256", sig(str(273, "ab")), `rpm: signature header: tag 273: "ab": want a digest of 32 bytes`},
		{"sha1 that is none", sig(str(269, "no")), `rpm: signature header: tag 269: "no": want a digest of 20 bytes`},
		{"short md5", sig(bin(1004, []byte("ab"))), "rpm: signature header: tag 1004 (summary): want a digest of 16 bytes"},
		{"wrong sha1", sig(replace(sigs, str(269, strings.Repeat("0", 40)))...), "rpm: header: its sha1 is "},
		{"wrong md5", sig(replace(sigs, bin(1004, empty[:]))...), "rpm: header and payload: their md5 is "},
		{"wrong size", sig(replace(sigs, int32s(1000, 5))...), "rpm: header and payload have "},
		{"huge size", sig(replace(sigs, item{tag: 270, kind: 5, count: 1, data: bytes.Repeat([]byte{255}, 8)})...), "rpm: header and payload have "},
		{"nothing binds the payload", pack(headerOf(62, sigItems(headerOf(63, replace(minimal(), item{tag: 5092})...), payload)[:2]...), headerOf(63, replace(minimal(), item{tag: 5092})...), payload), "rpm: header: no digest of the payload"},
		{"other algorithm", but(int32s(5093, 10)), "rpm: header: tag 5092 (payloaddigest): 1 digests with algorithm 10: want one of sha256 (8)"},

		// The index.
		{"no region's data", packageWith(rawHeader(1, 0, entryOf(63, 7, 0, 16), nil)), "rpm: header: tag 63: a bad region"},
		{"region outside", packageWith(rawHeader(1, 16, entryOf(63, 7, 1<<32-8, 16), make([]byte, 16))), "rpm: header: tag 63: a bad region"},
		{"region of another type", packageWith(rawHeader(1, 16, entryOf(63, 6, 0, 16), make([]byte, 16))), "rpm: header: tag 63: a bad region"},
		{"trailer", packageWith(rawHeader(1, 16, entryOf(63, 7, 0, 16), make([]byte, 16))), "rpm: header: tag 63: a bad region"},
		{"region too large", packageWith(rawHeader(1, 16, entryOf(63, 7, 0, 16), entryOf(63, 7, 1<<32-32, 16))), "rpm: header: tag 63: a bad region"},
		{"region of a part", packageWith(rawHeader(2, 18, slices.Concat(entryOf(63, 7, 2, 16), entryOf(1000, 6, 0, 1)), append([]byte("a\x00"), entryOf(63, 7, 1<<32-16, 16)...))), "rpm: header: tag 63: the region does not cover the header"},
		{"data behind the region", packageWith(rawHeader(1, 18, entryOf(63, 7, 0, 16), append(entryOf(63, 7, 1<<32-16, 16), 'a', 0))), "rpm: header: tag 63: the region does not cover the header"},
		{"second region", with(bin(63, empty[:])), "rpm: header: tag 63: no tag of a package"},
		{"tag 0", with(str(0, "x")), "rpm: header: tag 0: no tag of a package"},
		{"twice", with(str(1000, "b")), "rpm: header: tag 1000 (name): there twice"},
		{"type 0", with(withKind(str(1005, "x"), 0)), "rpm: header: tag 1005: type 0: there is no such type"},
		{"type 10", with(withKind(str(1005, "x"), 10)), "rpm: header: tag 1005: type 10: there is no such type"},
		{"negative offset", with(withOffset(str(1005, "x"), 1<<32-4)), "rpm: header: tag 1005: offset -4: the data has "},
		{"offset outside", with(withOffset(str(1005, "x"), 5000)), "rpm: header: tag 1005: offset 5000: the data has "},
		{"overlap", with(withOffset(str(1005, "x"), 0)), "rpm: header: tag 1005: offset 0: data before it ends at "},
		{"alignment", packageOf(append([]item{withOffset(int32s(1003, 1), 1)}, minimal()...)...), "rpm: header: tag 1003 (epoch): offset 1: not a multiple of 4"},
		{"count 0", with(withCount(int32s(1003), 0), str(1005, "x")), "rpm: header: tag 1003 (epoch): count 0: not possible for its type"},
		{"two of a string", with(withCount(str(1005, "x\x00y"), 2)), "rpm: header: tag 1005: count 2: not possible for its type"},
		{"count outside", with(withCount(int32s(1003, 1), 1<<20)), "rpm: header: tag 1003 (epoch): count 1048576: the data ends before"},
		{"huge count", with(withCount(int32s(1003, 1), 1<<30+1)), "rpm: header: tag 1003 (epoch): over the limit: 1073741825 values, at most 1048576"},
		{"huge count of strings", with(withCount(strs(1117, "x"), 1<<31)), "rpm: header: tag 1117 (basenames): over the limit: 2147483648 values, at most 1048576"},
		{"many strings", with(item{tag: 1117, kind: 8, count: 1<<20 + 1, data: make([]byte, 1<<20+1)}), "rpm: header: tag 1117 (basenames): over the limit: 1048577 values, at most 1048576"},
		{"negative count", with(withCount(bin(1005, []byte("x")), 1<<32-1)), "rpm: header: tag 1005: count 4294967295: the data ends before"},
		{"unterminated", with(item{tag: 1005, kind: 6, count: 1, data: []byte("x")}), "rpm: header: tag 1005: a string without an end"},
		{"unterminated of several", with(item{tag: 1117, kind: 8, count: 2, data: []byte("x\x00y")}), "rpm: header: tag 1117 (basenames): a string without an end"},

		// Names.
		{"no name", but(item{tag: 1000}), `rpm: header: name "": want letters, digits and any of -._+%{}, no . or - first`},
		{"name of another type", but(int32s(1000, 1)), "rpm: header: tag 1000 (name): type 4: want a string"},
		{"name with a slash", but(str(1000, "a/b")), `rpm: header: name "a/b": want`},
		{"name ..", but(str(1000, "..")), `rpm: header: name "..": want`},
		{"name as an option", but(str(1000, "-rf")), `rpm: header: name "-rf": want`},
		{"name with a line end", but(str(1000, "a\nb")), `rpm: header: name "a\nb": want`},
		{"name with a letter", but(str(1000, "é")), `rpm: header: name "é": want`},
		{"long name", but(str(1000, long)), `rpm: header: name "` + long[:60] + `…": want`},
		{"version with a dash", but(str(1001, "1-2")), `rpm: header: version "1-2": want letters, digits and any of ._+%{}~^, no . or - first`},
		{"no release", but(item{tag: 1002}), `rpm: header: release "": want`},
		{"arch", but(str(1022, "../x")), `rpm: header: architecture "../x": want letters, digits and any of _-, no . or - first`},
		{"epochs", with(int32s(1003, 1, 2)), "rpm: header: tag 1003 (epoch): 2 values for 1"},

		// Relations and scripts.
		{"relation's flags", with(strs(1049, "a", "b"), int32s(1048, 0)), "rpm: header: tag 1048: 1 values for 2"},
		{"relation's type", with(int32s(1049, 1)), "rpm: header: tag 1049: type 4: want strings"},
		{"relation without a name", with(strs(1049, "")), "rpm: header: tag 1049: an empty name"},
		{"flags without names", with(int32s(1048, 1)), "rpm: header: tag 1049: not there, but flags or versions are"},
		{"large flags", with(strs(1049, "a"), item{tag: 1048, kind: 5, count: 1, data: bytes.Repeat([]byte{1}, 8)}), "rpm: header: tag 1048: 72340172838076673: too large"},
		{"trigger's script", with(strs(1065, "x"), strs(1066, "a"), int32s(1068, 1<<16), int32s(1069, 1)), "rpm: header: tag 1069: script 1 of 1"},
		{"trigger's negative script", with(strs(1065, "x"), strs(1066, "a"), int32s(1068, 1<<16), int32s(1069, 1<<32-1)), "rpm: header: tag 1069: script 4294967295 of 1"},
		{"trigger of no kind", with(strs(1065, "x"), strs(1066, "a"), int32s(1068, 0), int32s(1069, 0)), "rpm: header: tag 1068: : no trigger of one kind"},
		{"trigger of two kinds", with(strs(1065, "x"), strs(1066, "a", "b"), int32s(1068, 1<<16, 1<<17), int32s(1069, 0, 0)), "rpm: header: tag 1068: triggerun: no trigger of one kind"},
		{"trigger of nothing", with(strs(1065, "x")), "rpm: header: tag 1069: nothing sets off script 0"},

		// Files.
		{"whole paths", with(strs(1027, "/a")), "rpm: header: tag 1027 (oldfilenames): whole paths, as rpm 3 wrote them, are not supported"},
		{"no owner", file(item{tag: 1039}), "rpm: header: tag 1039 (fileusername): not there"},
		{"no sizes", file(item{tag: 1028}), "rpm: header: tag 1028 (filesizes): not there"},
		{"modes", file(int16s(1030, 0o100644, 0o100644)), "rpm: header: tag 1030 (filemodes): 2 values for 1"},
		{"directory outside", file(int32s(1116, 1)), "rpm: header: tag 1116 (dirindexes): directory 1 of 1"},
		{"negative directory", file(int32s(1116, 1<<32-1)), "rpm: header: tag 1116 (dirindexes): directory 4294967295 of 1"},
		{"no directories", file(item{tag: 1118}), "rpm: header: tag 1118 (dirnames): not there"},
		{"relative", file(strs(1118, "usr/")), `rpm: header: path "usr/a": bad directory "usr/"`},
		{"no slash", file(strs(1118, "/usr")), `rpm: header: path "/usra": bad directory "/usr"`},
		{"no directory", file(strs(1118, "")), `rpm: header: path "a": bad directory ""`},
		{"slash in a name", file(strs(1117, "a/b")), `rpm: header: path "/usr/a/b": bad directory "/usr/"`},
		{"..", file(strs(1117, "..")), `rpm: header: path "/usr/..": .. in it`},
		{".. in the middle", file(strs(1118, "/usr/../etc/")), `rpm: header: path "/usr/../etc/a": .. in it`},
		{"double slash", file(strs(1118, "/usr//")), `rpm: header: path "/usr//a": not clean`},
		{"dot", file(strs(1117, ".")), `rpm: header: path "/usr/.": not clean`},
		{"no name of a file", file(strs(1117, "")), `rpm: header: path "/usr/": not clean`},
		{"long component", file(strs(1117, long)), "rpm: header: over the limit: path \"/usr/" + long[:55] + "…\": a component has 256 bytes, at most 255"},
		{"long path", file(strs(1118, "/"+strings.Repeat("x/", 2048))), "rpm: header: over the limit: path \"/x/"},
		{"kind", file(int16s(1030, 0o140644)), "rpm: header: tag 1030 (filemodes): usr/a: mode 140644: no kind of file"},
		{"target", file(int16s(1030, 0o120777)), "rpm: header: tag 1036 (filelinktos): usr/a: a target of 0 bytes"},
		{"digest", file(strs(1035, "00")), `rpm: header: tag 1035 (filedigests): usr/a: digest "sha256:00": want`},
		{"size", file(item{tag: 5008, kind: 5, count: 1, data: bytes.Repeat([]byte{255}, 8)}), "rpm: header: tag 5008 (longfilesizes): 18446744073709551615 bytes"},
		{"in a source package", packageOf(replace(oneFile(), item{tag: 1044})...), `rpm: header: path "/usr/a": bad directory "/usr/"`},
		{"twice the same", packageOf(twoFiles(strs(1117, "a", "a"))...), `rpm: header: tag 1117 (basenames): "usr/a": there twice`},
		{"the same in two directories", packageOf(twoFiles(strs(1118, "/usr/", "/usr/"), int32s(1116, 0, 1), strs(1117, "a", "a"))...), `rpm: header: tag 1117 (basenames): "usr/a": there twice`},
		{"links that differ", packageOf(twoFiles(int32s(1028, 1, 2), int32s(1095, 1, 1), int32s(1096, 7, 7))...), "rpm: header: tag 1096 (fileinodes): usr/a and usr/b are one file, but differ"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := open(c.in)
			if err == nil || !strings.HasPrefix(err.Error(), c.want) || p != nil {
				t.Errorf("%v, want %s", err, c.want)
			}
			if strings.Contains(c.want, "over the limit") != errors.Is(err, rpm.ErrLimit) {
				t.Errorf("%v: ErrLimit", err)
			}
		})
	}
}

func twoFiles(change ...item) []item {
	items := oneFile()
	for _, i := range slices.Clone(items) {
		if i.tag >= 1028 && i.tag < 1044 || i.tag >= 1116 && i.tag < 1118 {
			i.count *= 2
			i.data = slices.Concat(i.data, i.data)
			items = replace(items, i)
		}
	}
	items = replace(items, strs(1117, "b", "a"))
	for _, c := range change {
		items = replace(items, c)
	}
	return items
}

// TestEveryByteCounts: what is changed anywhere behind the lead, or cut off
// anywhere, is refused.
func TestEveryByteCounts(t *testing.T) {
	good := packageOf(twoFiles()...)
	if _, err := open(good); err != nil {
		t.Fatal(err)
	}
	sig := headerOf(62, sigItems(headerOf(63, twoFiles()...), payload)...)
	for n := range good {
		if _, err := open(good[:n]); err == nil {
			t.Fatalf("cut at %d: accepted", n)
		}
		// The padding is nobody's, and neither are reserved bytes in the lead; whether a region is
		// there decides nothing in the signature header.
		if n < 96+len(sig)+8 {
			continue
		}
		if _, err := open(flip(good, n)); err == nil {
			t.Fatalf("byte %d: accepted", n)
		}
	}
}

// TestOnlyMD5: what old rpms write is enough, and OutputText says why it is not
// for that.
func TestOnlyMD5(t *testing.T) {
	main := headerOf(63, replace(oneFile(strs(1035, "9dd4e461268c8034f5c8564e155c67a6"), item{tag: 5011}), item{tag: 5092})...)
	both := md5.Sum(slices.Concat(main, payload))
	p, err := open(pack(headerOf(62, bin(1004, both[:])), main, payload))
	if err != nil {
		t.Fatal(err)
	}
	if f := p.Files(); len(f) != 1 || f[0].Path != "usr/a" || f[0].Size != 1 || !f[0].Digest.IsZero() {
		t.Errorf("files %+v", f)
	}
	const want = "rpm: a: output text: usr/a: its digest is of algorithm 1: want sha256 (8)"
	if _, err := p.OutputText(); err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	if d, err := p.OutputDigest(); err == nil || !d.IsZero() {
		t.Errorf("a digest: %s, %v", d, err)
	}
}

// TestUnknownTag: what this package does not know can't be said to be nothing.
func TestUnknownTag(t *testing.T) {
	p, err := open(packageOf(minimal(str(5104, "x"), str(5103, "x"))...))
	if err != nil {
		t.Fatal(err)
	}
	const want = "rpm: a: output text: tag 5103: not known: it could say what is installed"
	if _, err := p.OutputText(); err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

// zeros is a file of as many zero bytes behind its head as it is asked for.
type zeros struct{ head []byte }

func (z zeros) ReadAt(b []byte, at int64) (int, error) {
	clear(b)
	if at < int64(len(z.head)) {
		copy(b, z.head[at:])
	}
	return len(b), nil
}

// TestMemory: a header as large as rpm allows costs its bytes and little more.
func TestMemory(t *testing.T) {
	const size = 0x0fffffff
	sig := headerOf(62, str(269, strings.Repeat("0", 40)))
	in := zeros{slices.Concat(lead(), sig, make([]byte, -len(sig)&7), rawHeader(1, size, entryOf(1012, 7, 0, size), nil))}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := rpm.Open(in, 1<<40)
	runtime.ReadMemStats(&after)
	if err == nil || !strings.HasPrefix(err.Error(), "rpm: header: its sha1 is ") {
		t.Error(err)
	}
	if got := after.TotalAlloc - before.TotalAlloc; got > size+(1<<20) {
		t.Errorf("%d bytes were allocated", got)
	}
}

// TestManyNames: directories are named once for many files, so paths have a limit
// of their own.
func TestManyNames(t *testing.T) {
	const n = 1 << 17
	many := func(i item) item {
		i.count = n
		i.data = bytes.Repeat(i.data, n)
		return i
	}
	items := oneFile(strs(1118, "/"+strings.Repeat(strings.Repeat("x", 255)+"/", 15)), int32s(1116, make([]uint32, n)...))
	for _, i := range slices.Clone(items) {
		if i.tag >= 1028 && i.tag < 1044 || i.tag == 1117 {
			items = replace(items, many(i))
		}
	}
	const want = "rpm: header: tag 1117 (basenames): over the limit: paths of more than 268435456 bytes together"
	if _, err := open(packageOf(items...)); err == nil || err.Error() != want || !errors.Is(err, rpm.ErrLimit) {
		t.Errorf("%v, want %s", err, want)
	}
}

// TestGhostsAreNoLinks: what is not installed carries no bytes for others.
func TestGhostsAreNoLinks(t *testing.T) {
	for _, c := range []struct {
		flags []uint32
		want  string
	}{
		{[]uint32{0, 0}, "fh"},
		{[]uint32{64, 64}, "ff"},
		{[]uint32{0, 64}, "ff"},
	} {
		p, err := open(packageOf(twoFiles(int32s(1095, 1, 1), int32s(1096, 7, 7), int32s(1037, c.flags...))...))
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, f := range p.Files() {
			got += string(rune(f.Kind))
		}
		if got != c.want {
			t.Errorf("flags %d: kinds %s, want %s", c.flags, got, c.want)
		}
	}
}
