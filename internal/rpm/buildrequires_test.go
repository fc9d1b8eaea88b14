package rpm_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/fuel-infra/pbuild/internal/rpm"
)

const buildSpec = `# BuildRequires: comment
Name: a
BuildRequires: plain
buildrequires:  a >= 1.0,b<2 , c=1,  d = 3:1-1
	BuildRequires(pre,post) : forpre
BuildPreReq: old, plain
BuildConflicts: foe < 2, plain
%if 0%{?with_tests}
BuildRequires: perl(Test::More) >= 0.98 (x or y >= 2)
%endif
%{?with_doc:BuildRequires: sphinx >= 2, texlive}
%{!?without_x: BuildConflicts: y}
BuildRequires: %{name}-devel%{?_isa} = %{version} %(echo a, b) %{expand: one
  two, three
} last
BuildRequires:
Requires: no
BuildRequiresX: no
#BuildRequires: no
%description
BuildRequires: no
%package sub
BuildRequires: sub >=
%files
BuildRequires: no
`

func TestBuildRequires(t *testing.T) {
	got := rpm.BuildRequires([]byte(buildSpec))
	want := []string{
		"%(echo a, b)",
		"%{!?without_x: BuildConflicts: y}",
		"%{?with_doc:BuildRequires: sphinx >= 2, texlive}",
		"%{expand: one\n  two, three\n}",
		"%{name}-devel%{?_isa} = %{version}",
		"(x or y >= 2)",
		"BuildConflicts: foe < 2",
		"BuildConflicts: plain",
		"a >= 1.0",
		"b<2",
		"c=1",
		"d = 3:1-1",
		"forpre",
		"last",
		"old",
		"perl(Test::More) >= 0.98",
		"plain",
		"sub >=",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestBuildRequiresAgreesWithRPM: of a spec without macros in it, rpm says the
// same.
func TestBuildRequiresAgreesWithRPM(t *testing.T) {
	o := ask(t)
	want := strings.Split(strings.TrimSpace(o.said["buildrequires"]), "\n")
	for line := range strings.Lines(o.said["buildconflicts"]) {
		want = append(want, "BuildConflicts: "+strings.TrimSpace(line))
	}
	slices.Sort(want)
	if got := rpm.BuildRequires(testdata(t, "odd.spec")); !slices.Equal(got, want) {
		t.Errorf("got %q, rpm says %q", got, want)
	}
}

func FuzzBuildRequires(f *testing.F) {
	f.Add([]byte(buildSpec))
	f.Add([]byte("BuildRequires: %{a\nBuildRequires: b"))
	f.Add([]byte("%{?x:BuildRequires:"))
	f.Fuzz(func(t *testing.T, spec []byte) {
		got := rpm.BuildRequires(spec)
		total := 0
		for _, s := range got {
			if total += len(s); s == "" {
				t.Fatal("an empty dependency")
			}
		}
		if !slices.IsSorted(got) || len(slices.Compact(slices.Clone(got))) != len(got) || total > 20*len(spec)+20 {
			t.Fatal(got)
		}
	})
}
