package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fuel-infra/pbuild/internal/realize"
	"github.com/fuel-infra/pbuild/recipe"
	"github.com/fuel-infra/pbuild/store/digest"
)

var answered = []result{
	{
		State: "cached", Recipe: "fuel-agent", Format: "rpm", Arch: "noarch", Key: digest.Key{1}, Artifact: digest.Digest{2},
		SHA256: digest.Digest{0xb3, 0x25}, File: "fuel-agent-8.0.0-1.mos136.noarch.rpm", Seconds: 548,
	},
	{
		State: "built", Recipe: "hello", Format: "deb", Arch: "amd64", Key: digest.Key{3}, Artifact: digest.Digest{4},
		SHA256: digest.Digest{0x51}, File: "hello_1.0-1_amd64.deb", Seconds: 2,
	},
	{
		State: "built", Recipe: "hello", Format: "deb", Arch: "amd64", Key: digest.Key{3}, Artifact: digest.Digest{4},
		SHA256: digest.Digest{0x52}, File: "hello-<doc>\x1b\t_1.0-1_all.deb", Seconds: 2,
	},
}

func TestResults(t *testing.T) {
	zeros := strings.Repeat("0", 60)
	for _, c := range []struct {
		name             string
		tty, json, quiet bool
		out, err         string
	}{
		{name: "terminal", tty: true, out: `cached  rpm  sha256:b32500000000  fuel-agent-8.0.0-1.mos136.noarch.rpm
built   deb  sha256:510000000000  hello_1.0-1_amd64.deb
built   deb  sha256:520000000000  hello-<doc>\x1b _1.0-1_all.deb
3 packages: 1 cached, 2 built in 1m04s; building all: 9m10s
`},
		{
			name: "lines", out: "cached\trpm\tsha256:b325" + zeros + "\tfuel-agent-8.0.0-1.mos136.noarch.rpm\n" +
				"built\tdeb\tsha256:5100" + zeros + "\thello_1.0-1_amd64.deb\n" +
				"built\tdeb\tsha256:5200" + zeros + "\thello-<doc>\\x1b _1.0-1_all.deb\n",
			err: "pbuild: 3 packages: 1 cached, 2 built in 1m04s; building all: 9m10s\n",
		},
		{
			name: "json", tty: true, json: true, quiet: true,
			out: `{"state":"cached","recipe":"fuel-agent","format":"rpm","arch":"noarch","key":"sha256:0100` + zeros +
				`","artifact":"sha256:0200` + zeros + `","sha256":"sha256:b325` + zeros +
				`","file":"fuel-agent-8.0.0-1.mos136.noarch.rpm","seconds":548}` + "\n" +
				`{"state":"built","recipe":"hello","format":"deb","arch":"amd64","key":"sha256:0300` + zeros +
				`","artifact":"sha256:0400` + zeros + `","sha256":"sha256:5100` + zeros +
				`","file":"hello_1.0-1_amd64.deb","seconds":2}` + "\n" +
				`{"state":"built","recipe":"hello","format":"deb","arch":"amd64","key":"sha256:0300` + zeros +
				`","artifact":"sha256:0400` + zeros + `","sha256":"sha256:5200` + zeros +
				`","file":"hello-<doc>\u001b\t_1.0-1_all.deb","seconds":2}` + "\n",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out, err bytes.Buffer
			con := &console{out: stream{w: &out, tty: c.tty}, err: stream{w: &err}, json: c.json, quiet: c.quiet}
			if err := con.results(answered, 64*time.Second); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.out, out.String()); d != "" {
				t.Errorf("out (-want +got)\n%s", d)
			}
			if d := cmp.Diff(c.err, err.String()); d != "" {
				t.Errorf("err (-want +got)\n%s", d)
			}
		})
	}
}

// A name with two formats has two keys, and one text only when it is said which.
func TestKeys(t *testing.T) {
	hello := &recipe.Recipe{Name: "hello"}
	nodes := []*realize.Node{
		{Format: recipe.FormatDeb, Recipe: hello, Text: []byte("deb\n"), Key: digest.Key{1}},
		{Format: recipe.FormatRPM, Recipe: hello, Text: []byte("rpm\n"), Key: digest.Key{2}},
	}
	var out bytes.Buffer
	con := &console{out: stream{w: &out}}
	if err := con.keys("hello", nodes, false); err != nil {
		t.Fatal(err)
	}
	zeros := strings.Repeat("0", 62)
	want := "hello\tdeb\tsha256:01" + zeros + "\nhello\trpm\tsha256:02" + zeros + "\n"
	if d := cmp.Diff(want, out.String()); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
	out.Reset()
	var usage *usageError
	if err := con.keys("hello", nodes, true); !errors.As(err, &usage) || usage.hint != "pbuild key hello --text --format deb" || out.Len() > 0 {
		t.Errorf("texts of two: %v, printed %q", err, out.String())
	}
}

func TestCopyLog(t *testing.T) {
	log := "one\r\n\x1b[2Jtwo\u202e\n" + strings.Repeat("x", 100_000) + "\nno end"
	for _, tty := range []bool{false, true} {
		var out bytes.Buffer
		con := &console{out: stream{w: &out, tty: tty}}
		if err := con.copy(strings.NewReader(log)); err != nil {
			t.Fatal(err)
		}
		want := log
		if tty {
			want = strings.NewReplacer("\r\n", "\n", "\x1b", `\x1b`, "\u202e", `\u202e`).Replace(log)
		}
		if d := cmp.Diff(want, out.String()); d != "" {
			t.Errorf("terminal %v (-want +got)\n%s", tty, d)
		}
	}
}
