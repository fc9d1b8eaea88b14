package deb_test

import (
	"archive/tar"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fuel-infra/pbuild/internal/deb/debtest"
	"github.com/fuel-infra/pbuild/store/digest"
)

// helloText is what the output digest of the package in TestOpen covers.
const helloText = `pbuild output 1
field	architecture	amd64
field	depends	"libc6 (>= 2.34),\n dpkg"
field	description	"greets\n Nothing more."
field	package	hello
field	version	1:2.10-3
member	0644	2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881	md5sums
member	0755	a8076d3d28d21e02012b20eaf7dbf75409a6277134439025f282e368e3305abf	postinst
d	0755	0	0	root	root	usr
d	0755	0	0	root	root	usr/bin
f	4755	0	8	root	mail	usr/bin/alias	6	5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03
h	4755	0	8	root	mail	usr/bin/hello	usr/bin/alias
l	0777	0	0	root	root	usr/bin/l	hello
`

const helloOutput = "sha256:1d0a28fb1daf7667ea5e0e2ce35d5e7a9e7e021d59f3edafd8866ab6801e66c3"

func TestOutputText(t *testing.T) {
	if got := digest.Of([]byte(helloText)).String(); got != helloOutput {
		t.Errorf("the text has %s", got)
	}
}

// Each change of what a package installs changes the digest, nothing else does.
func TestOutputDigestCovers(t *testing.T) {
	outputOf := func(control, data []byte) digest.Digest {
		t.Helper()
		d, err := mustOpen(t, debtest.Build(control, data)).OutputDigest()
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	base := outputOf(debtest.Tar(helloMembers...), debtest.Tar(helloFiles...))
	members := func(change func(f []debtest.File) []debtest.File) digest.Digest {
		return outputOf(debtest.Tar(change(slices.Clone(helloMembers))...), debtest.Tar(helloFiles...))
	}
	files := func(change func(f []debtest.File) []debtest.File) digest.Digest {
		return outputOf(debtest.Tar(helloMembers...), debtest.Tar(change(slices.Clone(helloFiles))...))
	}
	control := func(old, with string) digest.Digest {
		return members(func(f []debtest.File) []debtest.File {
			f[1].Data = strings.Replace(f[1].Data, old, with, 1)
			return f
		})
	}
	edit := func(i int, change func(f *debtest.File)) digest.Digest {
		return files(func(f []debtest.File) []debtest.File { change(&f[i]); return f })
	}
	seen := map[digest.Digest]string{base: "nothing"}
	for name, d := range map[string]digest.Digest{
		"version":    control("2.10-3", "2.10-4"),
		"relation":   control("2.34", "2.35"),
		"new field":  control("Depends", "Multi-Arch: foreign\nDepends"),
		"script":     members(func(f []debtest.File) []debtest.File { f[2].Data += "exit 1\n"; return f }),
		"script's x": members(func(f []debtest.File) []debtest.File { f[2].Mode = 0o644; return f }),
		"no script":  members(func(f []debtest.File) []debtest.File { return append(f[:2], f[3]) }),
		"content":    edit(3, func(f *debtest.File) { f.Data = "HELLO\n" }),
		"mode":       edit(3, func(f *debtest.File) { f.Mode = 0o755 }),
		"owner":      edit(3, func(f *debtest.File) { f.Uid = 1 }),
		"group":      edit(3, func(f *debtest.File) { f.Gid = 0 }),
		"user name":  edit(3, func(f *debtest.File) { f.Uname = "games" }),
		"group name": edit(3, func(f *debtest.File) { f.Gname = "games" }),
		"name":       edit(4, func(f *debtest.File) { f.Name = "./usr/bin/alias2" }),
		"target":     edit(5, func(f *debtest.File) { f.Linkname = "alias" }),
		"directory":  files(func(f []debtest.File) []debtest.File { return append(f, debtest.Directory("./var")) }),
		"link or copy": edit(4, func(f *debtest.File) {
			*f = debtest.File{Header: tar.Header{Name: "./usr/bin/alias", Mode: 0o4755, Gid: 8, Gname: "mail"}, Data: "hello\n"}
		}),
		"xattr": edit(3, func(f *debtest.File) { f.PAXRecords = map[string]string{"SCHILY.xattr.security.capability": "\x01"} }),
	} {
		if other := seen[d]; other != "" {
			t.Errorf("%s and %s have one digest", name, other)
		}
		seen[d] = name
	}
	for name, d := range map[string]digest.Digest{
		"installed size":   control("280", "284"),
		"order of fields":  control("Architecture: amd64\nInstalled-Size: 280\n", "Installed-Size: 280\nArchitecture: amd64\n"),
		"case of a field":  control("Depends", "depends"),
		"order of members": members(func(f []debtest.File) []debtest.File { slices.Reverse(f); return f }),
		"times": files(func(f []debtest.File) []debtest.File {
			for i := range f {
				f[i].ModTime = time.Unix(5, 0)
			}
			return f
		}),
		"root":           edit(0, func(f *debtest.File) { f.Mode = 0o700 }),
		"names of files": edit(3, func(f *debtest.File) { f.Name = "usr/bin/hello" }),
		"order of files": files(func(f []debtest.File) []debtest.File {
			f[3], f[5] = f[5], f[3]
			f[4], f[5] = f[5], f[4]
			return f
		}),
		"which link has the bytes": files(func(f []debtest.File) []debtest.File {
			f[3].Name, f[4].Name, f[4].Linkname = "./usr/bin/alias", "./usr/bin/hello", "./usr/bin/alias"
			f[4].Uname = "the header of a link says nothing"
			return f
		}),
	} {
		if d != base {
			t.Errorf("%s changed the digest", name)
		}
	}
}
