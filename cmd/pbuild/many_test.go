package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/fuel-infra/pbuild/store/digest"
)

// TestOneStore: many processes use one store, people write to what came out of it,
// and its database is lost.
func TestOneStore(t *testing.T) {
	t.Parallel()
	p := newTinyPlace(t, 12)
	t.Run("many at once", func(t *testing.T) { p.on(t).manyAtOnce(t) })
	t.Run("results are copies", func(t *testing.T) { p.on(t).resultsAreCopies(t) })
	t.Run("database deleted", func(t *testing.T) { p.on(t).databaseDeleted(t) })
	t.Run("another format", func(t *testing.T) { p.on(t).anotherFormat(t) })
	p.ok("store", "verify")
}

// manyAtOnce wants all packages eight times at once, while gc runs all the time: each is
// built once, and nothing of it is lost.
func (p *tinyPlace) manyAtOnce(t *testing.T) {
	const processes = 8
	var runs [processes]ran
	var all errgroup.Group
	for i := range runs {
		all.Go(func() error {
			runs[i] = p.run("pbuild", "realize", "--all", "--jobs", "2", "--out", fmt.Sprintf("out%d", i))
			return nil
		})
	}
	over := make(chan struct{})
	go func() { all.Wait(); close(over) }()
	collected := 0
	for running := true; running; collected++ {
		p.ok("store", "gc", "--keep-within", "0")
		select {
		case <-over:
			running = false
		case <-time.After(100 * time.Millisecond):
		}
	}
	built := map[string]int{}
	var files string // file and digest
	for i, r := range runs {
		var found string
		for line := range strings.Lines(r.stdout) {
			f := strings.Split(strings.TrimSpace(line), "\t")
			found += f[3] + " " + f[2] + "\n"
			if f[0] == "built" {
				built[f[3]]++
			}
			body, err := os.ReadFile(filepath.Join(p.dir, fmt.Sprintf("out%d", i), f[3]))
			if err != nil || digest.Of(body).String() != f[2] {
				t.Errorf("out%d: %s: %v, %d bytes", i, f[3], err, len(body))
			}
		}
		if i == 0 {
			files = found
		}
		if r.code != exitDone || found != files || strings.Count(found, "\n") != p.n {
			t.Errorf("process %d: %s", i, r)
		}
	}
	for name, n := range built {
		if n != 1 {
			t.Errorf("%s was built %d times", name, n)
		}
	}
	if len(built) != p.n || len(p.stored()) != p.n || collected < 2 {
		t.Errorf("%d were built, %d are stored, gc ran %d times", len(built), len(p.stored()), collected)
	}
}

// resultsAreCopies writes to packages in result/, which must not reach the store.
func (p *tinyPlace) resultsAreCopies(t *testing.T) {
	p.ok("realize", "k0", "k1", "k2")
	at := func(i int) string { return filepath.Join(p.dir, fmt.Sprintf("result/k%d-1.0-1.noarch.rpm", i)) }
	before := map[int][]byte{}
	for i, damage := range []func(path string) error{
		func(path string) error { return os.WriteFile(path, []byte("other"), 0o644) }, // in place: the inode stays
		func(path string) error { return os.Truncate(path, 100) },
		func(path string) error { return os.Chmod(path, 0o777) },
	} {
		body, err := os.ReadFile(at(i))
		if err != nil {
			t.Fatal(err)
		}
		before[i] = body
		if err := damage(at(i)); err != nil {
			t.Fatal(err)
		}
		blob := filepath.Join(p.store, "blobs/sha256", digest.Of(body).Hex())
		kept, err := os.ReadFile(blob)
		if err != nil || string(kept) != string(body) {
			t.Errorf("the store's %s: %v, %d bytes", at(i), err, len(kept))
		}
		if info, err := os.Stat(blob); err != nil || info.Mode() != 0o444 {
			t.Errorf("the store's %s: %v, %v", at(i), info, err)
		}
	}
	r := p.ok("realize", "k0", "k1", "k2")
	if strings.Count(r.stdout, "cached\t") != 3 {
		t.Error(r)
	}
	for i, want := range before {
		if body, err := os.ReadFile(at(i)); err != nil || string(body) != string(want) {
			t.Errorf("%s: %v, %d bytes", at(i), err, len(body))
		}
	}
}

// databaseDeleted wants the same answers without the database.
func (p *tinyPlace) databaseDeleted(t *testing.T) {
	p.salt("k0", "another")
	p.ok("realize", "k0") // what was built before is garbage
	answers := func() string {
		return p.ok("realize", "--all").stdout + p.ok("store", "ls", "--json").stdout + p.ok("store", "gc", "--keep-within", "0", "--dry-run").stdout
	}
	p.ok("realize", "--all")
	want := answers()
	if !strings.Contains(want, "realization\t") {
		t.Errorf("no garbage: %s", want)
	}
	for _, rebuild := range []bool{false, true} {
		if err := os.RemoveAll(filepath.Join(p.store, "db")); err != nil {
			t.Fatal(err)
		}
		if rebuild {
			p.ok("store", "rebuild")
		}
		if got := answers(); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	}
}

// anotherFormat wants a store that pbuild does not know to be refused, and left alone.
func (p *tinyPlace) anotherFormat(t *testing.T) {
	file := filepath.Join(p.store, "format")
	ours, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before := p.names("")
	for format, why := range map[string]string{
		"pbuild store 2\n": "layout 2, this pbuild knows 1: not a store of a known layout: a newer pbuild made it",
		"pbuild store 0\n": `format file reads "pbuild store 0\n": not a store of a known layout`,
	} {
		if err := os.WriteFile(file, []byte(format), 0o644); err != nil {
			t.Fatal(err)
		}
		for _, args := range [][]string{{"store", "ls"}, {"store", "gc"}, {"store", "verify"}, {"store", "rebuild"}, {"realize", "k0"}} {
			verb := strings.TrimSuffix(strings.Join(args, " "), " k0")
			want := "pbuild: " + verb + ": store " + p.store + ": " + why + "\nhint: "
			if r := p.run("pbuild", args...); r.code != exitFailed || r.stdout != "" || !strings.HasPrefix(r.stderr, want) || !strings.Contains(r.stderr, "--store DIR") {
				t.Errorf("want %s: got %s", want, r)
			}
		}
	}
	if err := os.WriteFile(file, ours, 0o644); err != nil {
		t.Fatal(err)
	}
	if after := p.names(""); !slices.Equal(after, before) {
		t.Errorf("it has %q, had %q", after, before)
	}
}
