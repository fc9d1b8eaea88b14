package builder_test

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/fuel-infra/pbuild/internal/builder"
	"github.com/fuel-infra/pbuild/internal/deb/debtest"
	"github.com/fuel-infra/pbuild/internal/event"
	"github.com/fuel-infra/pbuild/internal/testenv"
	"github.com/fuel-infra/pbuild/sandbox"
	"github.com/fuel-infra/pbuild/store/digest"
)

// smallDigest is the image of small, whoever makes it.
const smallDigest = "sha256:5f3c866d6936c918582177b003b4b334e235fb79ec0a01a9656130d92af12218"

// inside runs a shell script over an image and returns what it printed.
func inside(t *testing.T, image *builder.Image, script string) string {
	t.Helper()
	scratch, err := os.MkdirTemp("", "inside-")
	if err != nil {
		t.Fatal(err)
	}
	defer sandbox.RemoveScratch(scratch)
	var out bytes.Buffer
	err = sandbox.Run(t.Context(), sandbox.Spec{
		Lower: image.Lower(), Scratch: scratch, Argv: []string{"/bin/sh", "-c", script},
		Env: []string{"PATH=/usr/sbin:/usr/bin"}, Stdout: &out, Stderr: &out,
	})
	if err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	return out.String()
}

// TestSameImageWhereverItIsMade: a second store, one thread, another umask.
func TestSameImageWhereverItIsMade(t *testing.T) {
	first := newLayerBench(t)
	image := first.ensure("small")
	if image.Digest.String() != smallDigest {
		t.Errorf("small is %s, and was %s when it was reviewed", image.Digest, smallDigest)
	}
	want, err := first.store.Root("small")
	if err != nil {
		t.Fatal(err)
	}

	second := newBench(t, testenv.LockedPackages(t, "debian-12-base", smallPackages...)...)
	second.files = first.files
	defer syscall.Umask(syscall.Umask(0o077))
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	again := second.ensure("small")
	got, err := second.store.Root("small")
	if err != nil {
		t.Fatal(err)
	}
	if got.Digest != want.Digest {
		t.Errorf("manifest %s, then %s", want.Digest, got.Digest)
	}
	if !reflect.DeepEqual(image.Layers[0].Tree.Ledger, again.Layers[0].Tree.Ledger) {
		t.Error("the ledgers differ")
	}
	states := []event.State{event.Waiting, event.Fetching, event.Unpacking, event.Configuring, event.Storing, event.Built}
	if got := second.states("small"); !slices.Equal(got, states) {
		t.Errorf("states %q", got)
	}
	second.clean()

	if found := second.ensure("small"); found.Digest != again.Digest || !slices.Equal(found.Lower(), again.Lower()) {
		t.Errorf("found as %v, made as %v", found, again)
	}
	if got := second.states("small"); got != nil {
		t.Errorf("a look goes through states %q", got)
	}
}

// TestDpkgAgrees: dpkg itself has nothing to say against what was unpacked
// without it.
func TestDpkgAgrees(t *testing.T) {
	image := newLayerBench(t).ensure("small")
	got := inside(t, image, `
		dpkg --audit
		dpkg --verify
		find / -xdev -name '*.dpkg-*' -not -path '/proc/*'
		dpkg-query -W -f '${db:Status-Status}\n' | sort | uniq -c
		dpkg-query -W -f '${Conffiles}\n' debconf dpkg | cut -c1-60 | sort
		dpkg-query -S /bin/sh /usr/bin/mawk
		ls /run /tmp /var/log
		cat /var/lib/dpkg/triggers/File`)
	want := fmt.Sprintf(`%7d installed
 /etc/alternatives/README 7be88b21f7e386c8d5a8790c2461c92b
 /etc/apt/apt.conf.d/70debconf 7e9d09d5801a42b4926b736b8eeab
 /etc/cron.daily/dpkg 94bb6c1363245e46256908a5d52ba4fb
 /etc/debconf.conf 8c0619be413824f1fc7698cee0f23811
 /etc/dpkg/dpkg.cfg f4413ffb515f8f753624ae3bb365b81b
 /etc/logrotate.d/alternatives 5fe0af6ce1505fefdc158d9e5dbf6
 /etc/logrotate.d/dpkg 9e25c8505966b5829785f34a548ae11f
diversion by dash from: /bin/sh
diversion by dash to: /bin/sh.distrib
dash: /bin/sh
mawk: /usr/bin/mawk
/run:

/tmp:

/var/log:
/usr/share/debianutils/shells.d debianutils/noawait
`, len(smallPackages))
	if got != want {
		t.Errorf("got:\n%s", got)
	}
}

// TestLayer: what base's dpkg makes of a package, and the documents about it,
// byte for byte.
func TestLayer(t *testing.T) {
	b := newLayerBench(t)
	base := b.ensure("small")
	greet := b.add("greet", map[string]string{
		"conffiles": "/etc/greet.conf\n",
		"postinst": `#!/bin/sh
			set -e
			rm /etc/debconf.conf
			echo "$SOURCE_DATE_EPOCH $LC_ALL $TZ $HOME $DEBIAN_FRONTEND $PYTHONHASHSEED $(umask)" >/etc/greet.seen
			chown 7:8 /etc/greet.seen && chmod 4711 /etc/greet.seen
			echo log >/var/log/greet.log
			touch /tmp/x /root/y /run/z
			rm -r /usr/share/debconf && mkdir /usr/share/debconf && echo new >/usr/share/debconf/new
			`,
	}, debtest.Directory("./etc/"), debtest.Regular("./etc/greet.conf", "greet\n"),
		debtest.File{Header: tar.Header{Name: "./usr/bin/greet", Mode: 0o4755}, Data: "#!/bin/sh\n"})
	b.define("greet", "small", greet)
	lock := b.locked("greet")
	image := b.ensure("greet")
	b.clean()

	wantFiles, err := os.ReadFile("testdata/greet.files")
	if err != nil {
		t.Fatal(err)
	}
	if got := b.files["builders/greet.files"].Data; !bytes.Equal(got, wantFiles) {
		t.Errorf("greet.files:\n%s", got)
	}
	if lock.Files != digest.Of(wantFiles) || lock.Builder != image.Digest {
		t.Errorf("lock %s", lock.Text())
	}
	if image.Layers[0].DiffID != base.Layers[0].DiffID || len(image.Layers) != 2 {
		t.Errorf("layers %v over %v", image.Layers, base.Layers)
	}
	wantConfig := `{"created":"2026-07-11T10:16:37Z","architecture":"amd64","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":["` +
		base.Layers[0].DiffID.String() + `","` + image.Layers[1].DiffID.String() + `"]}}`
	if got, err := b.store.ReadBlob(image.Digest, 1<<20); err != nil || string(got) != wantConfig {
		t.Errorf("config %s, %v", got, err)
	}
	if digest.Of([]byte(wantConfig)) != image.Digest {
		t.Errorf("the image is %s, which is not its config", image.Digest)
	}
	b.wantManifest("greet", image, wantConfig)

	for _, when := range []string{"as made", "unpacked"} {
		got := inside(t, image, `cat /etc/greet.seen; ls /etc/debconf.conf /usr/share/debconf 2>&1; ls /root /tmp /var/log; stat -c %a /usr/bin/greet`)
		want := "1783764997 C.UTF-8 UTC /root noninteractive 0 0022\n" +
			"ls: cannot access '/etc/debconf.conf': No such file or directory\n/usr/share/debconf:\nnew\n" +
			"/root:\n\n/tmp:\n\n/var/log:\n755\n"
		if got != want {
			t.Errorf("inside, %s: got\n%s", when, got)
		}
		if err := os.RemoveAll(image.Layers[1].Tree.Dir); err != nil {
			t.Fatal(err)
		}
		if again := b.ensure("greet"); again.Digest != image.Digest {
			t.Errorf("unpacked: %s", again.Digest)
		}
	}
	e, ok := image.Layers[1].Tree.Ledger.Find("usr/bin/greet")
	if !ok || e.Mode != 0o4755 {
		t.Errorf("the ledger has greet as %+v", e)
	}
}

// wantManifest wants the image's manifest to be what image-spec says of its
// layers, byte for byte, and zstd itself to unpack those to what the config names.
func (b *bench) wantManifest(name string, image *builder.Image, config string) {
	b.t.Helper()
	m := b.manifest(name)
	if len(m.Layers) != len(image.Layers) {
		b.t.Fatalf("%d layers", len(m.Layers))
	}
	want := fmt.Sprintf(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",`+
		`"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"%s","size":%d},"layers":[`, image.Digest, len(config))
	for i, l := range m.Layers {
		if i > 0 {
			want += ","
		}
		want += fmt.Sprintf(`{"mediaType":"application/vnd.oci.image.layer.v1.tar+zstd","digest":"%s","size":%d}`, l.Digest, l.Size)
		sum := testenv.Tool(b.t, []sandbox.Bind{{Host: b.store.BlobPath(parse(b.t, l.Digest)), Inside: "/run/layer"}}, "sh", "-c", "zstd -dc </run/layer | sha256sum")
		if unpacked, _, _ := strings.Cut(sum, " "); unpacked != image.Layers[i].DiffID.Hex() {
			b.t.Errorf("layer %d unpacks to %s, the config says %s", i, unpacked, image.Layers[i].DiffID)
		}
	}
	if want += "]}"; string(m.text) != want {
		b.t.Errorf("manifest:\n got %s\nwant %s", m.text, want)
	}
}

// document is a manifest and its bytes.
type document struct {
	v1.Manifest
	text []byte
}

// manifest reads the manifest of an image in the store.
func (b *bench) manifest(name string) (m document) {
	b.t.Helper()
	root, err := b.store.Root(name)
	if err != nil {
		b.t.Fatal(err)
	}
	if m.text, err = b.store.ReadBlob(parse(b.t, root.Digest), 1<<20); err == nil {
		err = json.Unmarshal(m.text, &m.Manifest)
	}
	if err != nil {
		b.t.Fatal(err)
	}
	return m
}
