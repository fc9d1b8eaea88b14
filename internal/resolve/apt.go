package resolve

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"sync"

	"github.com/fuel-infra/pbuild/internal/builder"
	"github.com/fuel-infra/pbuild/recipe"
	"github.com/fuel-infra/pbuild/sandbox"
	"github.com/fuel-infra/pbuild/store"
)

// Where things lie in apt's sandbox.
const (
	aptInside     = "/run/apt" // configuration and index
	archiveInside = aptInside + "/archive"
	wantedInside  = "/run/wanted" // a source package whose build dependencies are what is wanted
	imageKeyring  = "/usr/share/keyrings/debian-archive-keyring.gpg"
)

// maxOutput bounds what one run of apt prints, in bytes.
const maxOutput = 64 << 20

// Apt is the apt of an image over an index whose signature was found good. It
// is safe for concurrent use, and does one thing at a time.
type Apt struct {
	Index *Index

	image   *builder.Image
	arch    recipe.Arch
	scratch *store.Scratch
	binds   []sandbox.Bind

	mu sync.Mutex // guards scratch's files: one apt at a time
}

// Apt lets an image's apt read an index and check its signature. The caller
// closes it. *RefusedError: apt does not take the index for genuine.
func (r *Resolver) Apt(ctx context.Context, image *builder.Image, i *Index) (_ *Apt, err error) {
	a := &Apt{Index: i, image: image, arch: r.Arch}
	if a.scratch, err = r.Store.Scratch("apt"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.Close())
		}
	}()
	if err := r.layOut(a); err != nil {
		return nil, fmt.Errorf("archive %s: %w", i.Suite, err)
	}
	out, err := a.run(ctx, nil, "apt-get", "-q", "--error-on=any", "update")
	var exit *sandbox.ExitError
	if errors.As(err, &exit) {
		return nil, &RefusedError{Suite: i.Suite, Why: complaints(out)}
	}
	if err != nil {
		return nil, fmt.Errorf("archive %s: %w", i.Suite, err)
	}
	// apt passes over an index that InRelease names in a compressed form only, and
	// would then know of no package.
	if out, err = a.run(ctx, nil, "apt-get", "indextargets", "--format", "$(FILENAME)", "Created-By: Packages"); err != nil {
		return nil, fmt.Errorf("archive %s: %w", i.Suite, err)
	}
	if bytes.Count(out, []byte("\n")) != 1 {
		return nil, &RefusedError{Suite: i.Suite, Why: []string{"it passes over " + i.path}}
	}
	return a, nil
}

// Close ends it and removes what it has on disk.
func (a *Apt) Close() error { return a.scratch.Close() }

// layOut makes the directories that apt sees.
func (r *Resolver) layOut(a *Apt) error {
	etc, wanted := filepath.Join(a.scratch.Dir, "etc"), filepath.Join(a.scratch.Dir, "wanted")
	index := filepath.Join(etc, "archive", "dists", a.Index.Suite)
	for _, dir := range []string{
		filepath.Join(a.scratch.Dir, "root"), filepath.Join(wanted, "debian"), filepath.Join(index, path.Dir(a.Index.path)),
		// apt complains where these are missing.
		filepath.Join(etc, "apt.conf.d"), filepath.Join(etc, "preferences.d"),
	} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	// The index stays compressed as it came: of a plain one InRelease has another digest.
	if err := r.Store.Link(a.Index.Release.InRelease, filepath.Join(index, "InRelease")); err != nil {
		return err
	}
	if err := r.Store.Link(a.Index.packages, filepath.Join(index, a.Index.path)); err != nil {
		return err
	}
	keyring := imageKeyring
	if len(r.Keyring) > 0 {
		keyring = aptInside + "/keyring.gpg"
	}
	for name, text := range map[string]string{
		"keyring.gpg": string(r.Keyring),
		"status":      "", // of dpkg, where nothing is installed
		"sources.list": fmt.Sprintf("deb [arch=%s signed-by=%s by-hash=no] file:%s %s %s\n",
			r.Arch, keyring, archiveInside, a.Index.Suite, component),
		"apt.conf": fmt.Sprintf(aptConf, aptInside, r.Arch),
	} {
		if err := os.WriteFile(filepath.Join(etc, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	a.binds = []sandbox.Bind{{Host: etc, Inside: aptInside}, {Host: wanted, Inside: wantedInside}}
	return nil
}

// aptConf is all of apt's configuration (apt.conf(5)): Dir::Etc leads away from
// the image's. Another user for fetching, _apt, needs a second uid.
const aptConf = `Dir::Etc "%[1]s/";
APT::Architecture "%[2]s";
APT::Architectures "%[2]s";
APT::Build-Profiles "";
APT::Install-Recommends "false";
APT::Install-Suggests "false";
APT::Sandbox::User "root";
APT::Get::Show-User-Simulation-Note "false";
Acquire::Languages "none";
`

// run runs a program of apt's and returns what it printed, all in one. What one
// run writes into the image the next one sees. The caller holds mu, or is the
// only one.
func (a *Apt) run(ctx context.Context, stderr *limited, argv ...string) ([]byte, error) {
	out := &limited{left: maxOutput}
	if stderr == nil {
		stderr = out
	}
	err := sandbox.Run(ctx, sandbox.Spec{
		Lower: a.image.Lower(), Scratch: filepath.Join(a.scratch.Dir, "root"), Binds: a.binds,
		Argv: argv, Dir: wantedInside, Stdout: out, Stderr: stderr,
		Env: []string{
			"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LC_ALL=C.UTF-8", "TZ=UTC",
			"APT_CONFIG=" + aptInside + "/apt.conf", "DEBIAN_FRONTEND=noninteractive",
		},
	})
	return out.Bytes(), err
}

// limited takes output up to a limit, beyond which it fails.
type limited struct {
	bytes.Buffer
	left int
}

func (l *limited) Write(p []byte) (int, error) {
	if l.left -= len(p); l.left < 0 {
		return 0, fmt.Errorf("apt prints more than %d bytes", maxOutput)
	}
	return l.Buffer.Write(p)
}
