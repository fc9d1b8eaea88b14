package realize_test

import (
	"archive/tar"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fuel-infra/pbuild/internal/deb"
	"github.com/fuel-infra/pbuild/internal/event"
	"github.com/fuel-infra/pbuild/internal/realize"
	"github.com/fuel-infra/pbuild/internal/testenv"
	"github.com/fuel-infra/pbuild/recipe"
	"github.com/fuel-infra/pbuild/sandbox"
)

// packaged returns a file of the result's first package.
func (b *bench) packaged(r realize.Result, path string) string {
	b.t.Helper()
	file := r.Realization.Files[0]
	if r.Format == recipe.FormatRPM {
		bind := sandbox.Bind{Host: b.store.BlobPath(file.Digest), Inside: "/run/p.rpm"}
		return testenv.ToolOf(b.t, "debian-12-rpm", []sandbox.Bind{bind}, "sh", "-c", `rpm2archive -n - </run/p.rpm | tar -xO "./$0"`, path)
	}
	f, err := os.Open(b.store.BlobPath(file.Digest))
	if err != nil {
		b.t.Fatal(err)
	}
	defer f.Close()
	d, err := deb.Open(f, file.Size)
	if err != nil {
		b.t.Fatal(err)
	}
	data, closer, err := d.Data()
	if err != nil {
		b.t.Fatal(err)
	}
	defer closer.Close()
	for {
		h, err := data.Next()
		if err != nil {
			b.t.Fatalf("%s: %v", path, err)
		}
		if h.Name == "./"+path && h.Typeflag == tar.TypeReg {
			body, err := io.ReadAll(data)
			if err != nil {
				b.t.Fatal(err)
			}
			return string(body)
		}
	}
}

// TestWhatABuildSees: its whole environment, where it is, and the tree with
// names, modes and times, whatever these are outside.
func TestWhatABuildSees(t *testing.T) {
	// Not parallel: the umask is the process's.
	defer syscall.Umask(syscall.Umask(0o077))
	b := newBench(t)
	const script = `
		{
			echo "= where"; pwd; id -u; umask; hostname; readlink /proc/self/fd/0
			echo "= environment"; env | grep -v -e ^MAKE -e ^_= | sed 's/parallel=.*/parallel=N/' | sort
			echo "= tree"; find . -printf '%M %U:%G %T@ %p %l\n' | sort -k4
			echo "= home"; find ~ -printf '%M %p\n'
		} >/tmp/seen
		mkdir -p debian/sight && mv /tmp/seen debian/sight
		pack sight
	`
	b.write("sight", made{
		more: "modes: {debian/build.sh: \"0755\", tool: \"0600\"}\nenv: {FOO: \"a b\", DEB_BUILD_OPTIONS: nocheck}\n", script: script,
		source: map[string]string{"tool": "#!/bin/sh\n", "sub/deep/data": "x\n"},
	})
	b.files["sight/src/tool"].Mode = 0o777
	b.files["sight/src/sub/deep/data"].Mode = 0o400
	b.files["sight/src/run"] = &fstest.MapFile{Data: []byte("y\n"), Mode: 0o711, ModTime: time.Now()}
	b.files["sight/src/link"] = &fstest.MapFile{Data: []byte("sub/deep"), Mode: fs.ModeSymlink | 0o777}
	b.files["sight/src/dangling"] = &fstest.MapFile{Data: []byte("/nowhere"), Mode: fs.ModeSymlink | 0o777}
	b.reload()
	got := b.packaged(b.realize("sight", event.Built), "seen")
	want, err := os.ReadFile("testdata/sight.txt")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("testdata/sight.txt (-) and got (+):\n%s\nwhole:\n%s", diff, got)
	}
	b.clean()
}

// TestNoNetwork: a port of this host that anybody else reaches, and names.
func TestNoNetwork(t *testing.T) {
	t.Parallel()
	port, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer port.Close()
	if c, err := net.Dial("tcp", port.Addr().String()); err != nil {
		t.Fatal(err) // else the build's failure would show nothing
	} else {
		c.Close()
	}
	b := newBench(t)
	host, number, _ := net.SplitHostPort(port.Addr().String())
	script := fmt.Sprintf(`
		bash -c 'exec 3<>/dev/tcp/%s/%s' 2>&1 | sed 's/.*: //' | sort -u >tried
		getent hosts mirror.example.org >>tried || echo no name >>tried
		ls /sys/class/net 2>/dev/null >>tried || echo no devices >>tried
	`, host, number)
	b.write("online", made{script: script + "mkdir -p debian/online\nmv tried debian/online\npack online\n"})
	b.writeRPM("online-rpm", madeRPM{scripts: "%prep\n%setup -q\n%install\n" + script + "\nmkdir -p %{buildroot}/usr/share\nmv tried %{buildroot}/usr/share/online-rpm\n"})
	for name, path := range map[string]string{"online": "tried", "online-rpm rpm": "usr/share/online-rpm"} {
		if got := b.packaged(b.realize(name, event.Built), path); got != "Connection refused\nno name\nno devices\n" {
			t.Errorf("%s: got %q", name, got)
		}
	}
}

// TestDebugPackages: kept they are expected, dropped they are not made.
func TestDebugPackages(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	yaml := string(b.files["hello/recipe.yaml"].Data)
	b.files["hello/recipe.yaml"] = &fstest.MapFile{Data: []byte(yaml + "  debug: keep\n")}
	b.reload()
	r := b.realize("hello", event.Built)
	var names []string
	for _, f := range r.Realization.Files {
		names = append(names, f.Name)
	}
	if !slices.Equal(names, []string{"hello-dbgsym_1.0-1_amd64.deb", "hello_1.0-1_amd64.deb"}) {
		t.Fatalf("files %q", names)
	}
	// dpkg-deb, too, finds the symbols of the program in it.
	bind := sandbox.Bind{Host: b.store.BlobPath(r.Realization.Files[0].Digest), Inside: "/run/p.deb"}
	if list := testenv.Tool(t, []sandbox.Bind{bind}, "dpkg-deb", "--contents", "/run/p.deb"); !strings.Contains(list, "./usr/lib/debug/.build-id/") {
		t.Errorf("holds\n%s", list)
	}

	// A recipe that keeps them and makes none is told so.
	b.write("no-symbols", made{more: "debug: keep\n", script: `
		mkdir -p debian/no-symbols/DEBIAN
		printf 'Package: no-symbols\nVersion: 1-1\nArchitecture: amd64\nMaintainer: A\nDescription: made up\n' >debian/no-symbols/DEBIAN/control
		dpkg-deb -b debian/no-symbols ../no-symbols_1-1_amd64.deb
		: pack nothing more
	`})
	if _, err := b.try("no-symbols"); err == nil || err.Error() != "no-symbols: deb: outputs: not made: no-symbols-dbgsym" {
		t.Errorf("got %v\n%s", err, b.log())
	}
	// Packages for all architectures have none.
	b.write("all-symbols", made{more: "debug: keep\n"})
	b.realize("all-symbols", event.Built)
}

// TestDebianElsewhere: debian/ may have another name in the source; it comes
// before one in the recipe's folder.
func TestDebianElsewhere(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.write("elsewhere", made{more: "debian: packaging/deb\n", script: "mkdir -p debian/elsewhere\nls >debian/elsewhere/list\npack elsewhere\n"})
	for _, name := range []string{"changelog", "control", "rules", "build.sh"} {
		b.files["elsewhere/src/packaging/deb/"+name] = b.files["elsewhere/debian/"+name]
	}
	b.files["elsewhere/src/packaging/deb/rules"].Mode = 0o755
	b.files["elsewhere/debian/rules"] = &fstest.MapFile{Data: []byte("#!/bin/false\n")}
	b.reload()
	r := b.realize("elsewhere", event.Built)
	if got := b.packaged(r, "list"); got != "README\ndebian\npackaging\n" {
		t.Errorf("beside the source: %q", got)
	}
	if text := string(r.Text); !strings.Contains(text, `debian "source" "packaging/deb"`) {
		t.Errorf("derivation\n%s", text)
	}
}
