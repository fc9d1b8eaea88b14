package rpm_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fuel-infra/pbuild/internal/output"
	"github.com/fuel-infra/pbuild/store/digest"
)

// TestOutputText: the text of packages made by rpmbuild is the one that was
// reviewed, and the paths in it are those that are installed.
func TestOutputText(t *testing.T) {
	o := ask(t)
	for name, sum := range map[string]string{
		"odd-1.0~rc1-2.fc^1.x86_64.rpm":       oddOutput,
		"odd-empty-1.0~rc1-2.fc^1.noarch.rpm": emptyOutput,
	} {
		p, err := open(o.packages[name])
		if err != nil {
			t.Fatal(err)
		}
		got, err := p.OutputText()
		if err != nil {
			t.Fatal(err)
		}
		want := testdata(t, p.Name()+".output")
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
		if d, err := p.OutputDigest(); err != nil || d.String() != sum || d != digest.Of(want) {
			t.Errorf("%s: %s, %v", name, d, err)
		}
		paths := output.Paths(got)
		for _, f := range p.Files() {
			if ghost := strings.Contains(f.Flags.String(), "ghost"); paths[f.Path] == ghost {
				t.Errorf("%s: %s", name, f.Path)
			}
			delete(paths, f.Path)
		}
		if len(paths) > 0 {
			t.Errorf("%s: also lists %q", name, slices.Collect(maps.Keys(paths)))
		}
	}
}

// Each change of what a package installs changes the digest, nothing else does.
func TestOutputDigestCovers(t *testing.T) {
	of := func(items []item, body string) digest.Digest {
		t.Helper()
		b := packageOf(items...)
		if body != "" {
			sum := sha256.Sum256([]byte(body))
			main := headerOf(63, replace(items, strs(5092, hex.EncodeToString(sum[:])))...)
			b = pack(headerOf(62, sigItems(main, []byte(body))...), main, []byte(body))
		}
		p, err := open(b)
		if err != nil {
			t.Fatal(err)
		}
		d, err := p.OutputDigest()
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	whole := func(change ...item) []item {
		items := append(
			twoFiles(),
			int32s(1003, 1), strs(1049, "need", "rpmlib(PayloadIsXz)"), int32s(1048, 8, 1<<24|10), strs(1050, "1", "5.2-1"),
			str(1024, "exit 0\n"), strs(1086, "/bin/sh"), str(1004, "summary"), int32s(1006, 5), str(1007, "host"), int32s(1009, 2),
			int32s(1034, 5, 6), strs(1097, "", ""), strs(5010, "", ""), int32s(1045, 1<<32-1, 1<<32-1), str(1125, "gzip"), str(1064, "4.18"),
			strs(1065, "t1", "t2"), strs(1066, "x", "y"), int32s(1068, 1<<16, 1<<16), strs(1067, "", ""), int32s(1069, 0, 1), strs(1092, "/bin/sh", "/bin/sh"),
		)
		for _, c := range change {
			items = replace(items, c)
		}
		return items
	}
	sum := sha256.Sum256([]byte("y"))
	x := sha256.Sum256([]byte("x"))
	base := of(whole(), "")
	seen := map[digest.Digest]string{base: "nothing"}
	for name, change := range map[string][]item{
		"name":             {str(1000, "b")},
		"epoch":            {int32s(1003, 2)},
		"no epoch":         {{tag: 1003}},
		"version":          {str(1001, "2")},
		"release":          {str(1002, "3")},
		"arch":             {str(1022, "x86_64")},
		"summary":          {str(1004, "other")},
		"relation":         {strs(1050, "2", "5.2-1")},
		"comparison":       {int32s(1048, 4|8, 1<<24|10)},
		"when":             {int32s(1048, 8|1<<9, 1<<24|10)},
		"provides":         {strs(1047, "virtual")},
		"body":             {str(1024, "exit 1\n")},
		"interpreter":      {strs(1086, "/bin/bash")},
		"argument":         {strs(1086, "/bin/sh", "-e")},
		"expansion":        {int32s(5021, 1)},
		"another script":   {str(1024, "exit 0\n"), str(1026, "exit 0\n")},
		"trigger":          {strs(1066, "x", "z")},
		"order of scripts": {strs(1065, "t2", "t1")},
		"both of one":      {int32s(1069, 0, 0), strs(1065, "t1"), strs(1092, "/bin/sh")},
		"content":          {strs(1035, hex.EncodeToString(x[:]), hex.EncodeToString(sum[:]))},
		"size":             {int32s(1028, 2, 1)},
		"mode":             {int16s(1030, 0o104755, 0o100644)},
		"kind":             {int16s(1030, 0o040644, 0o100644)},
		"user":             {strs(1039, "games", "root")},
		"group":            {strs(1040, "games", "root")},
		"path":             {strs(1117, "c", "a")},
		"config":           {int32s(1037, 1, 0)},
		"ghost":            {int32s(1037, 64, 0)},
		"language":         {strs(1097, "de", "")},
		"capability":       {strs(5010, "cap_net_raw=ep", "")},
		"verify":           {int32s(1045, 1, 1<<32-1)},
		"one file":         {int32s(1095, 1, 1), int32s(1096, 3, 3)},
	} {
		d := of(whole(change...), "")
		if other := seen[d]; other != "" {
			t.Errorf("%s and %s have one digest", name, other)
		}
		seen[d] = name
	}
	for name, change := range map[string][]item{
		"build time":         {int32s(1006, 6)},
		"build host":         {str(1007, "other")},
		"times":              {int32s(1034, 7, 8)},
		"size of all":        {int32s(1009, 9)},
		"source rpm":         {str(1044, "b-1-2.src.rpm")},
		"compression":        {str(1125, "xz"), strs(1049, "need"), int32s(1048, 8), strs(1050, "1")},
		"rpm's version":      {str(1064, "4.19")},
		"changelog":          {int32s(1080, 1), strs(1081, "a"), strs(1082, "b")},
		"order of relations": {strs(1049, "rpmlib(PayloadIsXz)", "need"), int32s(1048, 1<<24|10, 8), strs(1050, "5.2-1", "1")},
		"a relation twice":   {strs(1049, "need", "need"), int32s(1048, 8, 8), strs(1050, "1", "1")},
		"order of files":     {strs(1117, "a", "b")},
		"inode numbers":      {int32s(1095, 1, 1), int32s(1096, 3, 4)},
	} {
		if d := of(whole(change...), ""); d != base {
			t.Errorf("%s changed the digest", name)
		}
	}
	if of(whole(), "another payload") != base {
		t.Error("the payload's bytes changed the digest")
	}
}

func FuzzOpen(f *testing.F) {
	f.Add(packageOf(minimal()...), false)
	f.Add(packageOf(twoFiles()...), false)
	f.Add(headerOf(63, twoFiles()...), true)
	f.Add(headerOf(63, minimal(strs(1065, "x"), strs(1066, "a"), int32s(1068, 1<<16), int32s(1069, 0), strs(1049, "(a or b)"))...), true)
	// With bind, b is a header, and what binds the parts is put around it, so
	// that what is behind the digests is reached.
	f.Fuzz(func(t *testing.T, b []byte, bind bool) {
		if bind {
			b = packageWith(b)
		}
		p, err := open(b)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "rpm: ") || p != nil {
				t.Fatal(p, err)
			}
			return
		}
		if name := p.FileName(); strings.ContainsAny(name, "/\x00\n ") || name[0] == '.' || name[0] == '-' {
			t.Fatalf("file name %q", name)
		}
		last := ""
		for _, file := range p.Files() {
			if file.Path <= last || strings.HasPrefix(file.Path, "/") || strings.Contains("/"+file.Path+"/", "/../") {
				t.Fatalf("path %q after %q", file.Path, last)
			}
			last = file.Path
		}
		text, err := p.OutputText()
		if again, errAgain := p.OutputText(); !bytes.Equal(text, again) || (err == nil) != (errAgain == nil) {
			t.Fatal(err, errAgain)
		}
	})
}

const (
	oddOutput   = "sha256:980ceb1f70a16506cbe9d38fc1c1b112b4047f33de2ec8e67644dc7bc4e06f1a"
	emptyOutput = "sha256:1b7508579b80f653004b6910df33a1b0102c5d28649ec4e7de3eb54407ac9b11"
)
