package realize_test

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fuel-infra/pbuild/internal/event"
	"github.com/fuel-infra/pbuild/internal/realize"
	"github.com/fuel-infra/pbuild/store"
)

// TestOutputs: exactly the declared packages, as plain files, or an error that
// records nothing.
func TestOutputs(t *testing.T) {
	for _, tc := range []struct {
		name string
		made
		want string // the error, after the node's name; "": it is built
		is   error  // compared with what errors.As finds; may be nil
	}{
		{
			name: "one-missing", made: made{outputs: "one-missing, not-made", script: "pack one-missing\n"},
			want: "outputs: not made: not-made", is: &realize.OutputsError{Missing: []string{"not-made"}},
		},
		{
			name: "one-extra", made: made{script: "pack one-extra\npack unasked\n"},
			want: "outputs: made but not declared: unasked", is: &realize.OutputsError{Extra: []string{"unasked"}},
		},
		{
			name: "both-wrong", made: made{script: "pack other-name\n"}, want: "outputs: not made: both-wrong; made but not declared: other-name",
			is: &realize.OutputsError{Missing: []string{"both-wrong"}, Extra: []string{"other-name"}},
		},
		{
			name: "twice", made: made{script: "pack twice\npack twice again.deb\n"},
			want: "outputs: made but not declared: twice", is: &realize.OutputsError{Extra: []string{"twice"}},
		},
		{
			name: "none", made: made{script: "pack none none.deb.txt\n"},
			want: "outputs: not made: none", is: &realize.OutputsError{Missing: []string{"none"}},
		},
		{name: "a-symlink", made: made{script: "pack a-symlink real\nln -s real ../x.deb\n"}, want: `output "x.deb": is a symlink`},
		{name: "a-way-out", made: made{script: "pack a-way-out\nln -s /etc/passwd ../x.deb\n"}, want: `output "x.deb": is a symlink`},
		{name: "a-directory", made: made{script: "pack a-directory\nmkdir ../x.deb\n"}, want: `output "x.deb": is no regular file`},
		{name: "a-fifo", made: made{script: "pack a-fifo\nmkfifo ../x.udeb\n"}, want: `output "x.udeb": is no regular file`},
		{name: "a-secret", made: made{script: "pack a-secret x.deb\nchmod 0 ../x.deb\n"}, want: `output "x.deb": permission denied`},
		// A file of holes costs the build nothing; copied it would fill the disk.
		{name: "a-hole", made: made{script: "pack a-hole x.deb\ntruncate -s 3G ../x.deb\n"}, want: `output "x.deb": has holes: of 3221225472 bytes at least `},
		{name: "a-socket", made: made{script: "pack a-socket\nperl -MSocket -e 'socket(S, AF_UNIX, SOCK_STREAM, 0) and bind(S, pack_sockaddr_un(\"../x.deb\")) or die'\n"}, want: `output "x.deb": no such device or address`},
		{name: "garbage", made: made{script: "pack garbage\necho garbage >../x.deb\n"}, want: `output "x.deb": deb: `},
		{name: "bad-version", made: made{script: "pack bad-version\nsed -i 's,^Version: .*,Version: 1/../../x,' debian/bad-version/DEBIAN/control\n" +
			"dpkg-deb --nocheck -b debian/bad-version ../x.deb\n"}, want: `output "x.deb": deb: version `},
		{
			name: "too-late", made: made{script: "pack too-late\nfinally 'echo garbage >>../too-late_1-1_all.deb'\n"},
			want: `output "too-late_1-1_all.deb": deb: `,
		},
		// Modes are not taken along: the bytes are.
		{name: "setuid", made: made{script: "pack setuid\nchmod 6755 ../setuid_1-1_all.deb\n"}},
		// Neither is the name that the build gave the file.
		{name: "renamed", made: made{script: "pack renamed x.deb\n"}},
		{name: "two", made: made{outputs: "two-more, two", script: "pack two\npack two-more\n"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.write(tc.name, tc.made)
			results, err := b.try(tc.name)
			if tc.want != "" {
				if err == nil || !strings.HasPrefix(err.Error(), tc.name+": deb: "+tc.want) {
					t.Fatalf("got %v\n%s", err, b.log())
				}
				var outputs *realize.OutputsError
				if errors.As(err, &outputs); tc.is != nil && cmp.Diff(tc.is, error(outputs)) != "" {
					t.Errorf("got %#v", outputs)
				}
				if got := results[0]; got.State != event.Failed || got.Realization != nil {
					t.Errorf("result %+v", got)
				}
				b.nothing(tc.name)
				return
			}
			if err != nil {
				t.Fatalf("%v\n%s", err, b.log())
			}
			var names []string
			for _, f := range results[0].Realization.Files {
				names = append(names, f.Name)
				info, err := os.Lstat(b.store.BlobPath(f.Digest))
				if err != nil {
					t.Fatal(err)
				}
				if info.Mode() != 0o444 || info.Size() != f.Size {
					t.Errorf("%s: %v, %d bytes", f.Name, info.Mode(), info.Size())
				}
			}
			var want []string
			for o := range strings.SplitSeq(cmpOr(tc.outputs, tc.name), ", ") {
				want = append(want, o+"_1-1_all.deb")
			}
			if !slices.Equal(names, want) {
				t.Errorf("files %q", names)
			}
		})
	}
}

func cmpOr(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// TestRequire: a path that the recipe requires must be there when it is built, and
// whenever it is taken from the store.
func TestRequire(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	wrong := made{require: "{require: [/usr/share/require, /usr/bin/absent, /usr/share/none]}"}
	b.write("require", wrong)
	want := &realize.RequireError{Package: "require", Paths: []string{"/usr/bin/absent", "/usr/share/none"}}
	refused := func() {
		t.Helper()
		results, err := b.try("require")
		var got *realize.RequireError
		if !errors.As(err, &got) || cmp.Diff(want, got) != "" || results[0].State != event.Failed {
			t.Errorf("got %v", err)
		}
		if err == nil || err.Error() != "require: deb: require: package require lacks /usr/bin/absent, /usr/share/none" {
			t.Errorf("says %v", err)
		}
	}
	refused()
	b.nothing("require")
	key := b.node("require").Key
	failed, err := b.store.FailedLog(key)
	if err != nil {
		t.Fatal(err)
	}
	failed.Close()

	b.write("require", made{require: "{require: [/usr/share/require]}"})
	b.realize("require", event.Built)
	if _, err := b.store.FailedLog(key); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the log of what failed outlives it: %v", err)
	}
	if b.node("require").Key != key {
		t.Error("what is required is in the key")
	}
	b.write("require", wrong)
	refused()
	b.write("require", made{require: "{require: [/usr/share, /usr/share/require]}"})
	b.realize("require", event.Cached)
}

// TestLostAgain: of a hit all must be there; what is damaged is made again.
func TestLostAgain(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	// Too large for the database, which has a copy of what is small.
	b.write("lost", made{
		require: "{lost: [/usr/share/lost]}",
		script:  "mkdir -p debian/lost\nperl -MDigest::SHA=sha256 -e 'print sha256($_) for 1..8000' >debian/lost/data\npack lost\n",
	})
	first := b.realize("lost", event.Built).Realization
	for name, d := range map[string]func() string{
		"package":  func() string { return b.store.BlobPath(first.Files[0].Digest) },
		"manifest": func() string { return b.store.BlobPath(first.Manifest) },
		"output":   func() string { return b.store.BlobPath(first.Files[0].Output) },
		"log":      func() string { return b.store.BlobPath(first.Log) },
	} {
		if err := os.Remove(d()); err != nil {
			t.Fatal(err)
		}
		results, err := b.try("lost")
		if err != nil {
			t.Fatalf("without its %s: %v", name, err)
		}
		again := results[0].Realization
		if again.Manifest != first.Manifest || again.Output != first.Output || again.Files[0] != first.Files[0] {
			t.Errorf("without its %s: %+v", name, again)
		}
		if name == "package" && results[0].State != event.Built {
			t.Errorf("without its package: %s", results[0].State)
		}
		for _, d := range []string{b.store.BlobPath(first.Files[0].Digest), b.store.BlobPath(again.Log)} {
			if _, err := os.Stat(d); err != nil {
				t.Errorf("without its %s: %v", name, err)
			}
		}
		b.realize("lost", event.Cached)
	}
	if _, err := b.store.Lookup(first.Key); errors.Is(err, store.ErrNotFound) {
		t.Error(err)
	}
}
