package realize_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/fuel-infra/pbuild/internal/event"
	"github.com/fuel-infra/pbuild/internal/realize"
)

// scripted writes a recipe whose package has a file and a script that runs when it is
// installed, in both formats.
func (b *bench) scripted(name, script string) {
	b.t.Helper()
	b.write(name, made{script: "mkdir -p debian/" + name + "/DEBIAN\ncat >debian/" + name + "/DEBIAN/postinst <<'END'\n#!/bin/sh\nset -e\n" +
		script + "\nEND\nchmod 755 debian/" + name + "/DEBIAN/postinst\npack " + name + "\n"})
	b.writeRPM(name+"-rpm", madeRPM{
		source0: "-", scripts: "%install\nmkdir -p %{buildroot}/usr/share\necho made up >%{buildroot}/usr/share/" + name + "\n%post\n" + script + "\n",
		files: "/usr/share/" + name,
	})
}

// TestNeedsTimes: a script of a package that is installed sees the time of the build,
// and not that of the package, which is in no key.
func TestNeedsTimes(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.scripted("timed", "stat -c %Y /usr/share/timed >/etc/timed")
	// Three days after the package's own time.
	later := strings.Replace(made{}.debian("timed-app")["changelog"], "Fri, 15 May", "Mon, 18 May", 1)
	b.write("timed-app", made{
		more:   "needs: [timed]\n",
		script: "mkdir -p debian/timed-app\ncp /etc/timed debian/timed-app/seen\npack timed-app\n",
	})
	b.files["timed-app/debian/changelog"] = file(later)
	b.reload()
	r := b.realize("timed-app", event.Built)
	if got, want := b.packaged(r, "seen"), fmt.Sprintf("%d\n", r.Derivation.Stamp.Epoch); got != want {
		t.Errorf("deb: %q, want %q", got, want)
	}

	b.writeRPM("timed-rpm-app", madeRPM{
		more:    "needs: [timed-rpm]\n",
		scripts: "%prep\n%setup -q\n%install\nmkdir -p %{buildroot}/usr/share\ncp /etc/timed %{buildroot}/usr/share/timed-rpm-app\n",
	})
	r = b.realize("timed-rpm-app rpm", event.Built)
	if got, want := b.packaged(r, "usr/share/timed-rpm-app"), fmt.Sprintf("%d\n", r.Derivation.Stamp.Epoch); got != want {
		t.Errorf("rpm: %q, want %q", got, want)
	}
}

// TestNeedsOrder: the order in which a recipe names what it needs is not in the key, and
// makes no difference: packages are installed in that of the names.
func TestNeedsOrder(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.scripted("order-a", "echo order-a >/etc/last")
	b.scripted("order-b", "echo order-b >/etc/last")
	app := made{script: "mkdir -p debian/ordered\ncp /etc/last debian/ordered/seen\npack ordered\n"}
	app.more = "needs: [order-b, order-a]\n"
	b.write("ordered", app)
	r := b.realize("ordered", event.Built)
	if got := b.packaged(r, "seen"); got != "order-b\n" {
		t.Errorf("last is %q", got)
	}
	app.more = "needs: [order-a, order-b]\n"
	b.write("ordered", app)
	if again := b.realize("ordered", event.Cached); again.Key != r.Key {
		t.Errorf("key %s, in another order %s", r.Key, again.Key)
	}
}

// TestNeedsUnusable: what a package leaves that nobody can walk through is a failed
// build which says what, and not where on the host.
func TestNeedsUnusable(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.scripted("closed", "mkdir /opt/closed\nchmod 000 /opt/closed")
	b.write("closed-app", made{more: "needs: [closed]\n"})
	_, err := b.try("closed-app")
	var failed *realize.BuildError
	const want = "closed-app: deb: needs: what the packages left can't be used: /opt/closed: permission denied"
	if !errors.As(err, &failed) || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

// TestGivenUntaken: a source that was given for a run which does not take it is an
// error, where somebody named it for that run.
func TestGivenUntaken(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.write("untaken", made{})
	b.write("other", made{})
	dir, files := t.TempDir(), b.files
	b.give("untaken", dir, files)
	if _, err := b.plan("other"); err != nil {
		t.Errorf("of a set: %v", err)
	}
	for name, g := range b.Given {
		g.Must = true
		b.Given[name] = g
	}
	_, err := b.plan("other")
	if want := "source untaken=" + dir + ": nothing that was asked for takes it"; err == nil || err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
}
