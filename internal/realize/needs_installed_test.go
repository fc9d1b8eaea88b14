package realize_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/fuel-infra/pbuild/internal/event"
	"github.com/fuel-infra/pbuild/internal/realize"
	"github.com/fuel-infra/pbuild/recipe"
)

// application is a C program that can only be built with a header of another recipe.
const application = "#include <made.h>\n#include <stdio.h>\nint main(void) { return printf(\"%d\\n\", MADE) < 0; }\n"

// seen is a script that builds application and writes to a file what it sees of the
// packages that are installed: what their scripts made, what %s prints, all that has
// the time of the build, and what has one of today.
const seen = `
	cc -o app app.c
	{
		./app; cat /etc/made.conf
		%s
		find / -xdev ! -path '/build*' ! -path '/tmp*' ! -path '/var/tmp*' ! -path '/run*' ! -path '/usr/bin/dpkg-gen*' \
			-newermt @$((SOURCE_DATE_EPOCH - 1)) \( ! -newermt @$SOURCE_DATE_EPOCH -printf 'build %%p\n' -o -mmin -5000 -printf 'today %%p\n' \) | sort
		find /var/log /var/cache/ldconfig /tmp /var/lib/rpm /run/needed -mindepth 1 -printf 'left %%p\n' 2>/dev/null || true
	} >seen
`

// untouched is the end of seen: what the sandbox makes anew for each program, and what
// a builder has in a folder for logs.
const untouched = "today /\ntoday /dev\ntoday /etc/hosts\ntoday /etc/resolv.conf\ntoday /proc\ntoday /sys\nleft /var/log/apt\n"

// TestNeedsDeb: the packages of a needed recipe are installed before the build, with
// their scripts run, and are not looked for in the archive.
func TestNeedsDeb(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.write("need-lib", made{script: `
		mkdir -p debian/need-lib/DEBIAN debian/need-lib/usr/include
		echo '#define MADE 42' >debian/need-lib/usr/include/made.h
		printf '#!/bin/sh\nset -e\necho "$1 $DPKG_MAINTSCRIPT_PACKAGE" >/etc/made.conf\necho x >/var/log/made.log\n' >debian/need-lib/DEBIAN/postinst
		chmod 755 debian/need-lib/DEBIAN/postinst
		pack need-lib
	`})
	script := fmt.Sprintf(seen, `dpkg-query -W -f '${Status} ${Version}\n' need-lib`)
	b.write("need-app", made{
		more: "needs: [need-lib]\n", control: "Build-Depends: need-lib (>= 1), need-lib | made-up\n",
		source: map[string]string{"app.c": application},
		script: script + "mkdir -p debian/need-app\nmv seen debian/need-app\npack need-app\n",
	})
	b.lockNeeding("need-app", recipe.FormatDeb, []string{"need-lib (>= 1)", "need-lib | made-up"}, "need-lib")
	got := b.packaged(b.needing("need-app", "need-lib"), "seen")
	want := `42
configure need-lib
install ok installed 1-1
build /etc
build /etc/made.conf
build /usr
build /usr/include
build /usr/include/made.h
build /usr/share
build /usr/share/need-lib
build /var
build /var/lib
build /var/lib/dpkg
build /var/lib/dpkg/info
build /var/lib/dpkg/info/need-lib.list
build /var/lib/dpkg/info/need-lib.md5sums
build /var/lib/dpkg/info/need-lib.postinst
build /var/lib/dpkg/status
build /var/lib/dpkg/triggers
build /var/lib/dpkg/updates
build /var/log
` + untouched
	if got != want {
		t.Errorf("got\n%s", got)
	}
}

// TestNeedsRPM is TestNeedsDeb for an rpm.
func TestNeedsRPM(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.writeRPM("need-rpm-lib", madeRPM{
		source0: "-",
		scripts: "%install\nmkdir -p %{buildroot}/usr/include\necho '#define MADE 43' >%{buildroot}/usr/include/made.h\n" +
			"%post\necho \"post $1\" >/etc/made.conf\necho x >/var/log/made.log\n",
		files: "/usr/include/made.h",
	})
	script := fmt.Sprintf(seen, "rpm -qa")
	b.writeRPM("need-rpm-app", madeRPM{
		more: "needs: [need-rpm-lib]\n", preamble: "BuildRequires: need-rpm-lib >= 1\n", source: map[string]string{"app.c": application},
		scripts: "%prep\n%setup -q\n%install\n" + script + "mkdir -p %{buildroot}/usr/share\nmv seen %{buildroot}/usr/share/need-rpm-app\n",
	})
	b.lockNeeding("need-rpm-app", recipe.FormatRPM, []string{"need-rpm-lib >= 1"}, "need-rpm-lib")
	got := b.packaged(b.needing("need-rpm-app rpm", "need-rpm-lib rpm"), "usr/share/need-rpm-app")
	want := `43
post 1
build /etc
build /etc/made.conf
build /usr
build /usr/include
build /usr/include/made.h
build /var
build /var/log
` + untouched
	if got != want {
		t.Errorf("got\n%s", got)
	}
}

// lockNeeding writes a recipe's lock: what one format asks for, and the packages of
// needed recipes, which stand for nothing that would have to be found.
func (b *bench) lockNeeding(name string, f recipe.Format, depends []string, needed ...string) {
	b.t.Helper()
	l := &recipe.BuildLock{Asked: recipe.Asked{Depends: depends, Mapped: map[string][]string{}}}
	for _, n := range needed {
		l.Mapped[n] = nil
	}
	lock := &recipe.Lock{Deb: l}
	if f == recipe.FormatRPM {
		lock = &recipe.Lock{RPM: l}
	}
	b.files[name+"/"+recipe.LockName] = &fstest.MapFile{Data: lock.Text()}
	b.reload()
}

// needing realizes a target that needs another one, which is not there: its plan says
// so, and its key names what was made. It returns what became of the target.
func (b *bench) needing(name, need string) realize.Result {
	b.t.Helper()
	other := target(need).Name
	p, err := b.plan(name)
	if err != nil {
		b.t.Fatal(err)
	}
	n := p.Nodes[len(p.Nodes)-1]
	if len(p.Nodes) != 2 || p.Cached != 0 || p.Waiting != 1 || !p.Nodes[0].Needed || n.Needed || !n.Key.IsZero() {
		b.t.Errorf("plan %+v", p)
	}
	line := fmt.Sprintf("\nneed %q \"plan\" %q\n", other, p.Nodes[0].PlanKey)
	if !strings.Contains(string(n.Text), line) {
		b.t.Errorf("want %sin\n%s", line, n.Text)
	}
	if reasons, err := b.Reasons(p); err != nil || reasons[1].String() != "needs "+other+", to be built first" || reasons[0].String() != "new: nothing was built before" {
		b.t.Errorf("reasons %v, %v", reasons, err)
	}
	results, err := b.Realize(b.t.Context(), p)
	if err != nil {
		b.t.Fatalf("%v\n%s", err, b.log())
	}
	first, second := b.of(results, need), b.of(results, name)
	line = fmt.Sprintf("\nneed %q \"output\" %q\n", other, first.Realization.Output)
	if first.State != event.Built || second.State != event.Built || !strings.Contains(string(second.Text), line) {
		b.t.Errorf("%s, %s: want %sin\n%s", first.State, second.State, line, second.Text)
	}
	if second.PlanKey != n.PlanKey || second.Realization.Key != second.Key || second.Key == second.PlanKey {
		b.t.Errorf("key %s, recorded %s, plan key %s, was %s", second.Key, second.Realization.Key, second.PlanKey, n.PlanKey)
	}
	// Now that all is there, the key is known at once.
	if again := b.node(name); again.Key != second.Key || again.PlanKey != n.PlanKey || !slices.Equal(again.Text, second.Text) {
		b.t.Errorf("key %s, was %s", again.Key, second.Key)
	}
	b.realize(name, event.Cached)
	return second
}
