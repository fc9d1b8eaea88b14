package realize_test

import (
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fuel-infra/pbuild/internal/event"
	"github.com/fuel-infra/pbuild/internal/realize"
	"github.com/fuel-infra/pbuild/recipe"
	"github.com/fuel-infra/pbuild/store/digest"
)

// sees makes a spec's %build write what the script prints to a file of the package.
func sees(script string) string {
	return "%prep\n%setup -q\n%build\n{\n" + script + "\n} >/build/seen\n%install\nmkdir -p %{buildroot}/usr/share\nmv /build/seen %{buildroot}/usr/share/rpm-sight\n"
}

// TestWhatAnRPMBuildSees: its environment, its sources with names, modes and times,
// its home, the recipe's files and the macros, whatever these are outside.
func TestWhatAnRPMBuildSees(t *testing.T) {
	// Not parallel: the umask is the process's.
	defer syscall.Umask(syscall.Umask(0o077))
	b := newBench(t)
	b.writeRPM("rpm-sight", madeRPM{
		more: `modes: {run.sh: "0755", tool: "0600"}
env: {FOO: "a b", BAR: "$(id)"}
defines: {made_up: 'a "b" $(id) \ $HOME ; ''c'' | %%x', counted: "%{lua: print(1+1)}"}
home: {.config/tool/rc: {content: "home\n"}, bin/run: {content: "#!/bin/sh\n", mode: "0755"}, .rc: {link: .config/tool/rc}}
files:
  /usr/share/made-up/deep/text: {content: "placed\n"}
  /usr/bin/made-up: {content: "#!/bin/sh\necho runs\n", mode: "0755"}
  /etc/hostname: {content: "over\n", mode: "0600"}
  /usr/bin/link-up: {link: made-up}
`,
		source: map[string]string{"tool": "#!/bin/sh\n", "run.sh": "#!/bin/sh\n", "sub/deep/data": "x\n"},
		scripts: sees(`
			echo "= where"; pwd; id -u; umask; hostname; readlink /proc/self/fd/0
			echo "= environment"; env | grep -v -e ^_= -e ^RPM_OPT -e FLAGS= -e ^LT_SYS -e ^RPM_BUILD_NCPUS | sort
			echo "= sources"; cd /build; find SOURCES SPECS -printf '%M %U:%G %p\n' | sort -k3; stat -c %Y SPECS/*
			tar --full-time -tvf SOURCES/rpm-sight-1.tar.gz
			head -c 10 SOURCES/rpm-sight-1.tar.gz | od -An -tx1
			echo "= unpacked"; cd BUILD/rpm-sight-1; find . -printf '%M %T@ %p %l\n' | sort -k3
			echo "= home"; find ~ -printf '%M %p %l\n' | sort -k2; cat ~/.rc
			echo "= files"; for f in /usr/share/made-up /usr/share/made-up/deep /usr/share/made-up/deep/text /usr/bin/made-up /etc/hostname; do
				stat -c '%A %u:%g %n' $f; done; stat -c %Y /usr/share/made-up/deep/text ~/bin/run
			cat /usr/share/made-up/deep/text /etc/hostname; link-up
			echo "= macros"; cat <<'END'
%{made_up}
%{counted}
%{_topdir} %{_buildhost} %{use_source_date_epoch_as_buildtime} %{clamp_mtime_to_source_date_epoch} [%{debug_package}]
END
			echo "= network"; ls /sys/class/net 2>/dev/null || echo no devices`),
	})
	b.files["rpm-sight/src/tool"].Mode = 0o777
	b.files["rpm-sight/src/sub/deep/data"].Mode = 0o400
	b.files["rpm-sight/src/run"] = &fstest.MapFile{Data: []byte("y\n"), Mode: 0o711, ModTime: time.Now()}
	b.files["rpm-sight/src/link"] = &fstest.MapFile{Data: []byte("sub/deep"), Mode: fs.ModeSymlink | 0o777}
	b.files["rpm-sight/src/dangling"] = &fstest.MapFile{Data: []byte("/nowhere"), Mode: fs.ModeSymlink | 0o777}
	b.reload()
	got := b.packaged(b.realize("rpm-sight rpm", event.Built), "usr/share/rpm-sight")
	want, err := os.ReadFile("testdata/rpm-sight.txt")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("testdata/rpm-sight.txt (-) and got (+):\n%s\nwhole:\n%s", diff, got)
	}
	b.clean()
}

// TestTarball: Source0 in both layouts, byte for byte what the builder's tar and
// gzip make of the tree, with the spec's version in its name.
func TestTarball(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		layout, setup, want string
	}{
		{"flat", "%setup -cq", `drwxr-xr-x 0/0               0 2026-05-15 12:00:00 ./
-rw-r--r-- 0/0               8 2026-05-15 12:00:00 ./README
drwxr-xr-x 0/0               0 2026-05-15 12:00:00 ./sub/
-rw-r--r-- 0/0               2 2026-05-15 12:00:00 ./sub/file
`},
		{"prefixed", "%setup -q", `drwxr-xr-x 0/0               0 2026-05-15 12:00:00 tarball-1.0~rc1+x/
-rw-r--r-- 0/0               8 2026-05-15 12:00:00 tarball-1.0~rc1+x/README
drwxr-xr-x 0/0               0 2026-05-15 12:00:00 tarball-1.0~rc1+x/sub/
-rw-r--r-- 0/0               2 2026-05-15 12:00:00 tarball-1.0~rc1+x/sub/file
`},
	} {
		t.Run(tc.layout, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.writeRPM("tarball", madeRPM{
				version: "1.0~rc1+x", source0: "{name: tarball, layout: " + tc.layout + "}", source: map[string]string{"sub/file": "x\n"},
				scripts: "%prep\n" + tc.setup + "\n%install\ntest -f sub/file\nmkdir -p %{buildroot}/usr/share/tarball\n" +
					"tar --full-time -tvf %{SOURCE0} >%{buildroot}/usr/share/tarball/list\ncd %{_sourcedir}\nls >%{buildroot}/usr/share/tarball/files\n",
			})
			r := b.realize("tarball rpm", event.Built)
			if got := b.packaged(r, "usr/share/tarball/list"); got != tc.want {
				t.Errorf("holds\n%s", got)
			}
			if got := b.packaged(r, "usr/share/tarball/files"); got != "tarball-1.0~rc1+x.tar.gz\n" {
				t.Errorf("sources: %q", got)
			}
			f := r.Realization.Files[0]
			if f.Name != "tarball-1.0~rc1+x-1.noarch.rpm" || f.Version != "1.0~rc1+x-1" || r.Realization.Version != f.Version {
				t.Errorf("file %+v of version %s", f, r.Realization.Version)
			}
			if text := string(r.Text); !strings.Contains(text, `tarball "tarball" "`+tc.layout+`"`) {
				t.Errorf("derivation\n%s", text)
			}
		})
	}
}

// TestNoTarball: a spec without a source, and ones with another than the recipe's.
func TestNoTarball(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.writeRPM("sourceless", madeRPM{
		source0: "-", scripts: "%install\nmkdir -p %{buildroot}/usr/share\nls -A %{_sourcedir} >%{buildroot}/usr/share/sourceless\n",
	})
	if got := b.packaged(b.realize("sourceless rpm", event.Built), "usr/share/sourceless"); got != "" {
		t.Errorf("sources: %q", got)
	}
	for name, tc := range map[string]struct {
		made madeRPM
		want string
	}{
		"misnamed": {
			madeRPM{source0: "{name: other, layout: flat}", preamble: "Source1: http://example.org/more.txt\n"},
			"source0: makes other-1.tar.gz: the sources of misnamed.spec: more.txt, misnamed-1.tar.gz",
		},
		"unasked": {
			madeRPM{spec: strings.Replace(madeRPM{}.text("unasked"), "Source0:", "URL:", 1)},
			"source0: makes unasked-1.tar.gz: the sources of unasked.spec: none",
		},
	} {
		b.writeRPM(name, tc.made)
		results, err := b.try(name + " rpm")
		if want := name + ": rpm: " + tc.want; err == nil || err.Error() != want || results[0].State != event.Failed {
			t.Errorf("%s: got %v\n%s", name, err, b.log())
		}
		b.nothing(name + " rpm")
	}
}

// TestSpecElsewhere: a spec in the recipe's folder comes before one in the source.
func TestSpecElsewhere(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	own := madeRPM{}.text("spec-place")
	theirs := strings.ReplaceAll(own, "echo made up", "echo of the source")
	b.writeRPM("spec-place", madeRPM{source: map[string]string{"spec-place.spec": theirs}})
	r := b.realize("spec-place rpm", event.Built)
	if text := string(r.Text); !strings.Contains(text, "\nspec \"file\" \""+digest.Of([]byte(own)).String()+"\"\n") {
		t.Errorf("derivation\n%s", text)
	}
	delete(b.files, "spec-place/spec-place.spec")
	b.reload()
	r = b.realize("spec-place rpm", event.Built)
	if text := string(r.Text); !strings.Contains(text, "\nspec \"source\" \"spec-place.spec\"\n") {
		t.Errorf("derivation\n%s", text)
	}
	if got := b.packaged(r, "usr/share/spec-place"); got != "of the source\n" {
		t.Errorf("built with %q", got)
	}

	// None, and one that does not say when it was made.
	for name, tc := range map[string]struct{ spec, want string }{
		"no-spec": {"-", "recipes/no-spec/recipe.yaml:8:9: rpm.spec: no file no-spec.spec in the recipe's folder, nor in source main"},
		"no-date": {"Name: no-date\nVersion: 1\n", "no-date: no-date.spec: no entry in %changelog, whose date SOURCE_DATE_EPOCH is"},
	} {
		b.writeRPM(name, madeRPM{spec: tc.spec})
		if _, err := b.Plan(t.Context(), []realize.Target{{Name: name, Format: recipe.FormatRPM}}); err == nil || err.Error() != tc.want {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
