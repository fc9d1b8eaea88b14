package main

import (
	"bytes"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/fuel-infra/pbuild/internal/realize"
	"github.com/fuel-infra/pbuild/recipe"
	"github.com/fuel-infra/pbuild/store"
	"github.com/fuel-infra/pbuild/store/digest"
)

// scriptBuilt is «built TEXTFILE VERSION TIME»: the store gets what a build of the
// derivation would leave there. $built is then its key, $artifact the digest of the
// manifest, $file that of its file.
func scriptBuilt(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: built TEXTFILE VERSION TIME")
	}
	text := ts.ReadFile(args[0])
	fields, err := recipe.ParseDerivation([]byte(text))
	ts.Check(err)
	finished, err := time.Parse(time.RFC3339, args[2])
	ts.Check(err)
	ts.Check(asOwner(ts.Getenv("STORE"), func(s *store.Store) error {
		name, format, body := fields[0].Values[0], fields[1].Values[0], []byte("file of "+text)
		file := store.File{Name: fmt.Sprintf("%s_%s_all.%s", name, args[1], format), Size: int64(len(body)), Package: name, Version: args[1], Arch: "all"}
		if file.Digest, err = s.PutBytes(body); err != nil {
			return err
		}
		config, err := s.PutBytes([]byte("{}"))
		if err != nil {
			return err
		}
		manifest, err := s.PutBytes(fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",`+
			`"config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":"%s","size":2},`+
			`"layers":[{"mediaType":"application/octet-stream","digest":"%s","size":%d}]}`, config, file.Digest, file.Size))
		if err != nil {
			return err
		}
		key, err := s.PutBytes([]byte(text))
		if err != nil {
			return err
		}
		ts.Setenv("built", key.String())
		ts.Setenv("artifact", manifest.String())
		ts.Setenv("file", file.Digest.String())
		_, err = s.Record(store.Realization{
			Key: digest.Key(key), Recipe: name, Format: format, Arch: fields[2].Values[0], Version: args[1],
			Manifest: manifest, Files: []store.File{file}, Finished: finished, Seconds: 1,
		}, name+"-"+format)
		return err
	}))
}

// scriptLose is «lose DIGEST»: the store has lost the blob, and no copy of it.
func scriptLose(ts *testscript.TestScript, neg bool, args []string) {
	d, err := digest.Parse(args[0])
	ts.Check(err)
	ts.Check(asOwner(ts.Getenv("STORE"), func(s *store.Store) error {
		if err := os.RemoveAll(s.Dir() + "/db"); err != nil {
			return err
		}
		return os.Remove(s.BlobPath(d))
	}))
}

// TestPlanTerminal: people see plans and tables aligned, digests short, and only
// they see the names of columns.
func TestPlanTerminal(t *testing.T) {
	var out bytes.Buffer
	con := &console{out: stream{w: &out, tty: true}}
	err := con.planned([]planned{
		{Recipe: "hello", Format: "rpm", State: "build", Key: digest.Key{1}, Why: "changed: builder, env A"},
		{Recipe: "fuel-agent", Format: "deb", State: "cached", Key: digest.Key{2}},
	})
	if err != nil {
		t.Fatal(err)
	}
	image := realize.Need{Kind: realize.NeedImage, Name: "small", Disk: 1000}
	con.needed([][]realize.Need{{image, {Kind: realize.NeedSource, Name: "pool/a.dsc", Fetch: -1}}, nil, {image}})
	one := standing{Recipe: "hello", Version: "1-1", State: "rpm built, deb to build", RPM: &formatStanding{Outputs: []string{"a", "b"}, Artifact: digest.Digest{3}}, Deb: &formatStanding{Outputs: []string{"a"}}}
	bad := standing{Recipe: "bad", State: "bad recipe", Reason: "is\nempty"}
	for _, rows := range [][][]cell{nil, {one.row(), bad.row()}} {
		if err := con.headed([]string{"NAME", "RPM", "DEB", "VERSION", "STATE", "DIGEST"}, rows); err != nil {
			t.Fatal(err)
		}
	}
	const want = `hello       rpm  build   sha256:010000000000  changed: builder, env A
fuel-agent  deb  cached  sha256:020000000000
image small: 0 B to fetch, 1.0 kB on disk
source pool/a.dsc: to fetch, with the files that it names
NAME   RPM   DEB  VERSION  STATE                    DIGEST
hello  a, b  a    1-1      rpm built, deb to build  sha256:030000000000
bad    -     -    -        bad recipe               -                    is empty
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}
