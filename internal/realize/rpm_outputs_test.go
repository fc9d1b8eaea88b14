package realize_test

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/fuel-infra/pbuild/internal/event"
	"github.com/fuel-infra/pbuild/internal/realize"
	"github.com/fuel-infra/pbuild/internal/testenv"
	"github.com/fuel-infra/pbuild/recipe"
	"github.com/fuel-infra/pbuild/sandbox"
	"github.com/fuel-infra/pbuild/store/digest"
)

// rpmbuildLine is how a made-up recipe's rpmbuild was called, as errors have it.
func rpmbuildLine(name string) string {
	return "rpmbuild -bb --nodeps --define _topdir /build --define _buildhost pbuild --define use_source_date_epoch_as_buildtime 1 " +
		"--define clamp_mtime_to_source_date_epoch 1 --define _buildshell /bin/bash " +
		"--define __brp_compress /bin/bash %{_rpmconfigdir}/brp-compress %{?_prefix} --define debug_package %{nil} SPECS/" + name + ".spec"
}

// TestFailedParts: what of a spec failed, and with which code.
func TestFailedParts(t *testing.T) {
	t.Parallel()
	const prep = "%prep\n%setup -q\n"
	for name, tc := range map[string]struct {
		made madeRPM
		step string
	}{
		"bad-prep":    {madeRPM{scripts: prep + "exit 9\n"}, "%prep"},
		"bad-build":   {madeRPM{scripts: prep + "%build\nfalse\n"}, "%build"},
		"bad-install": {madeRPM{scripts: prep + "%install\nexit 3\n"}, "%install"},
		"bad-check":   {madeRPM{scripts: prep + "%check\necho 'Bad exit status from x (%lie)'\nexit 4\n%install\nmkdir -p %{buildroot}/usr/share; touch %{buildroot}/usr/share/bad-check\n"}, "%check"},
		"bad-files":   {madeRPM{files: "/nowhere"}, "rpmbuild"},
		"bad-words":   {madeRPM{scripts: prep + "%build\necho 'error: Bad exit status from x (%\x1b[31m)'\nsed -i 's/made up/(%red)/' /nowhere\n"}, "%build"},
		"bad-liar":    {madeRPM{files: "/nowhere", scripts: prep + "%build\necho 'error: Bad exit status from x (%\x1b[31m)'\n"}, "rpmbuild"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.writeRPM(name, tc.made)
			results, err := b.try(name + " rpm")
			var failed *realize.BuildError
			var exit *sandbox.ExitError
			if !errors.As(err, &failed) || !errors.As(err, &exit) || failed.Step != tc.step || exit.Code != 1 || results[0].State != event.Failed {
				t.Fatalf("got %v\n%s", err, b.log())
			}
			if want := name + ": rpm: " + tc.step + " exited 1: " + rpmbuildLine(name); err.Error() != want {
				t.Errorf("says %v\nwant %s", err, want)
			}
			b.nothing(name + " rpm")
			f, err := b.store.FailedLog(b.node(name + " rpm").Key)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if log, err := io.ReadAll(f); err != nil || !strings.Contains(string(log), "\npbuild: "+rpmbuildLine(name)+"\n") {
				t.Errorf("log, %v:\n%s", err, log)
			}
		})
	}
	// One that can't be read fails before Source0 is made.
	b := newBench(t)
	b.writeRPM("bad-spec", madeRPM{preamble: "%if\n"})
	_, err := b.try("bad-spec rpm")
	var failed *realize.BuildError
	if !errors.As(err, &failed) || failed.Step != "rpmspec" || !strings.HasPrefix(err.Error(), "bad-spec: rpm: rpmspec exited 1: rpmspec --query --srpm ") {
		t.Errorf("got %v\n%s", err, b.log())
	}
}

// finally makes a spec's last script, which runs when the packages are made.
func finally(script string) string {
	return "%prep\n%setup -q\n%clean\ncd /build\n" + script + "\n"
}

// TestRPMOutputs: exactly the declared packages, as plain files, or an error that
// records nothing.
func TestRPMOutputs(t *testing.T) {
	const sub = "%package more\nSummary: more\n%description more\nMore.\n%files more\n"
	for _, tc := range []struct {
		name string
		madeRPM
		want  string // the error, after the node's name; "": it is built
		files []string
	}{
		{name: "rpm-plain", files: []string{"rpm-plain-1-1.noarch.rpm"}},
		{
			name: "rpm-sub", madeRPM: madeRPM{outputs: "rpm-sub-more, rpm-sub", preamble: sub},
			files: []string{"rpm-sub-1-1.noarch.rpm", "rpm-sub-more-1-1.noarch.rpm"},
		},
		{
			name: "rpm-archs", madeRPM: madeRPM{
				outputs: "rpm-archs, rpm-archs-more",
				spec:    strings.Replace(strings.Replace(madeRPM{preamble: sub}.text("rpm-archs"), "BuildArch: noarch\n", "", 1), "Summary: more\n", "Summary: more\nBuildArch: noarch\n", 1),
			},
			files: []string{"rpm-archs-1-1.x86_64.rpm", "rpm-archs-more-1-1.noarch.rpm"},
		},
		{name: "rpm-epoch", madeRPM: madeRPM{preamble: "Epoch: 3\n"}, files: []string{"rpm-epoch-1-1.noarch.rpm"}},
		{name: "rpm-lost", madeRPM: madeRPM{outputs: "rpm-lost, not-made"}, want: "outputs: not made: not-made"},
		{name: "rpm-extra", madeRPM: madeRPM{preamble: sub}, want: "outputs: made but not declared: rpm-extra-more"},
		{name: "rpm-none", madeRPM: madeRPM{scripts: finally("rm RPMS/noarch/*.rpm")}, want: "outputs: not made: rpm-none"},
		{name: "rpm-moved", madeRPM: madeRPM{scripts: finally("mv RPMS/noarch/*.rpm RPMS/x.rpm")}, files: []string{"rpm-moved-1-1.noarch.rpm"}},
		{name: "rpm-gone", madeRPM: madeRPM{scripts: finally("rm -r RPMS")}, want: `output "RPMS": no such file or directory`},
		{name: "rpm-shut", madeRPM: madeRPM{scripts: finally("chmod 0 RPMS")}, want: `output "RPMS": permission denied`},
		{name: "rpm-led", madeRPM: madeRPM{scripts: finally("mv RPMS other; ln -s other RPMS")}, want: `output "RPMS": is no directory`},
		{name: "rpm-led-out", madeRPM: madeRPM{scripts: finally("rm -r RPMS; ln -s /etc RPMS")}, want: `output "RPMS": is no directory`},
		{name: "rpm-led-arch", madeRPM: madeRPM{scripts: finally("mv RPMS/noarch other; ln -s ../other RPMS/noarch")}, want: "outputs: not made: rpm-led-arch"},
		{name: "rpm-link", madeRPM: madeRPM{scripts: finally("ln -s /etc/passwd RPMS/noarch/x.rpm")}, want: `output "RPMS/noarch/x.rpm": is a symlink`},
		{name: "rpm-link-in", madeRPM: madeRPM{scripts: finally("cd RPMS/noarch; mv rpm-link-in-1-1.noarch.rpm real; ln -s real x.rpm")}, want: `output "RPMS/noarch/x.rpm": is a symlink`},
		{name: "rpm-fifo", madeRPM: madeRPM{scripts: finally("mkfifo RPMS/noarch/x.rpm")}, want: `output "RPMS/noarch/x.rpm": is no regular file`},
		{name: "rpm-dir", madeRPM: madeRPM{scripts: finally("mkdir RPMS/noarch/x.rpm")}, want: `output "RPMS/noarch/x.rpm": is no regular file`},
		{name: "rpm-secret", madeRPM: madeRPM{scripts: finally("chmod 0 RPMS/noarch/*.rpm")}, want: `output "RPMS/noarch/rpm-secret-1-1.noarch.rpm": permission denied`},
		{name: "rpm-garbage", madeRPM: madeRPM{scripts: finally("echo garbage >RPMS/noarch/x.rpm")}, want: `output "RPMS/noarch/x.rpm": rpm: `},
		{name: "rpm-longer", madeRPM: madeRPM{scripts: finally("echo garbage >>RPMS/noarch/rpm-longer-1-1.noarch.rpm")}, want: `output "RPMS/noarch/rpm-longer-1-1.noarch.rpm": rpm: `},
		{name: "rpm-twice", madeRPM: madeRPM{scripts: finally("cp RPMS/noarch/*.rpm RPMS/noarch/x.rpm")}, want: "outputs: made but not declared: rpm-twice"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.writeRPM(tc.name, tc.madeRPM)
			results, err := b.try(tc.name + " rpm")
			if tc.want != "" {
				want := tc.name + ": rpm: " + tc.want
				if err == nil || err.Error() != want && !(strings.HasSuffix(want, ": ") && strings.HasPrefix(err.Error(), want)) {
					t.Fatalf("got %v\n%s", err, b.log())
				}
				if got := results[0]; got.State != event.Failed || got.Realization != nil {
					t.Errorf("result %+v", got)
				}
				b.nothing(tc.name + " rpm")
				return
			}
			if err != nil {
				t.Fatalf("%v\n%s", err, b.log())
			}
			var names []string
			for _, f := range results[0].Realization.Files {
				names = append(names, f.Name)
			}
			if !slices.Equal(names, tc.files) {
				t.Errorf("files %q", names)
			}
		})
	}
}

// TestRPMRequire: a path that the recipe requires must be there when it is built, and
// whenever it is taken from the store.
func TestRPMRequire(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	wrong := madeRPM{more: "require: {rpm-require: [/usr/share/rpm-require, /usr/bin/absent]}\n"}
	b.writeRPM("rpm-require", wrong)
	want := &realize.RequireError{Package: "rpm-require", Paths: []string{"/usr/bin/absent"}}
	refused := func() {
		t.Helper()
		results, err := b.try("rpm-require rpm")
		var got *realize.RequireError
		if !errors.As(err, &got) || cmp.Diff(want, got) != "" || results[0].State != event.Failed {
			t.Errorf("got %v\n%s", err, b.log())
		}
	}
	refused()
	b.nothing("rpm-require rpm")
	b.writeRPM("rpm-require", madeRPM{more: "require: {rpm-require: [/usr/share/rpm-require]}\n"})
	b.realize("rpm-require rpm", event.Built)
	b.writeRPM("rpm-require", wrong)
	refused()
	b.writeRPM("rpm-require", madeRPM{})
	b.realize("rpm-require rpm", event.Cached)
}

// debugTools are what find-debuginfo runs and the builder does not have.
var debugTools = []recipe.Package{
	line("cpio", "2.13+dfsg-7.1", "73d4a22bdd7eb6be1e480d6884b103eb500cfd539cc20ae0f3e44dd8b0614798", 245036, "pool/main/c/cpio/"),
	line("elfutils", "0.188-2.1", "31e479c38d2eb1a5d134c1d12bf619d1a1a1fa4482b073e95c70021c07443c23", 458720, "pool/main/e/elfutils/"),
	line("libasm1", "0.188-2.1", "7d550ea35716c3f413e0132b4b498492655a2090a65c756f492d11e004aeabc6", 27736, "pool/main/e/elfutils/"),
}

func line(name, version, sum string, size int64, dir string) recipe.Package {
	d, err := digest.ParseHex(sum)
	if err != nil {
		panic(err)
	}
	return recipe.Package{Name: name, Version: version, Arch: "amd64", SHA256: d, Size: size, Path: dir + name + "_" + version + "_amd64.deb"}
}

// TestRPMDebugPackages: kept there are the two that rpmbuild makes of a program,
// dropped there is none, also where the spec asks for them.
func TestRPMDebugPackages(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	hello := func(change func(yaml, spec string) (string, string)) []string {
		t.Helper()
		yaml, spec := change(string(b.files["hello/recipe.yaml"].Data), string(b.files["hello/hello.spec"].Data))
		b.files["debugged/recipe.yaml"] = &fstest.MapFile{Data: []byte(strings.Replace(yaml, "name: hello\n", "name: debugged\n", 1))}
		b.files["debugged/hello.spec"] = &fstest.MapFile{Data: []byte(spec)}
		for name, f := range b.files {
			if path, ok := strings.CutPrefix(name, "hello/src/"); ok {
				b.files["debugged/src/"+path] = f
			}
		}
		b.lockExtra("debugged", recipe.FormatRPM, []string{"gcc", "make"}, debugTools)
		for _, p := range debugTools {
			if _, err := b.store.PutBytes(testenv.Fetched(t, p)); err != nil {
				t.Fatal(err)
			}
		}
		b.reload()
		r := b.realize("debugged rpm", event.Built)
		var names []string
		for _, f := range r.Realization.Files {
			names = append(names, f.Name)
		}
		return names
	}
	const packages = "  packages: [elfutils, cpio]\n"
	kept := hello(func(yaml, spec string) (string, string) {
		return strings.Replace(yaml, "  spec: hello.spec\n", "  spec: hello.spec\n  debug: keep\n"+packages, 1), spec
	})
	if !slices.Equal(kept, []string{"hello-1.0-1.x86_64.rpm", "hello-debuginfo-1.0-1.x86_64.rpm", "hello-debugsource-1.0-1.x86_64.rpm"}) {
		t.Errorf("kept: files %q", kept)
	}
	dropped := hello(func(yaml, spec string) (string, string) {
		return strings.Replace(yaml, "  spec: hello.spec\n", "  spec: hello.spec\n"+packages, 1),
			strings.Replace(spec, "%prep\n", "%debug_package\n\n%prep\n", 1)
	})
	if !slices.Equal(dropped, []string{"hello-1.0-1.x86_64.rpm"}) {
		t.Errorf("dropped: files %q", dropped)
	}
}
