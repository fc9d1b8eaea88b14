package debtest

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/fuel-infra/pbuild/internal/deb"
)

// Dpkg runs dpkg-deb with the arguments and writes its output to w. Where
// dpkg-deb comes from is the caller's matter: the host's, or one in a sandbox.
type Dpkg func(ctx context.Context, w io.Writer, args ...string) error

// Compare reads the .deb at path with package deb and with dpkg-deb and says
// where they differ: each control field, each control member, each byte of
// data.tar. Inside is the path under which dpkg-deb sees the file.
func Compare(ctx context.Context, dpkg Dpkg, path, inside string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	d, err := deb.Open(f, info.Size())
	if err != nil {
		return err
	}
	return errors.Join(
		compareFields(ctx, dpkg, d, inside),
		compareMembers(ctx, dpkg, d, inside),
		compareData(ctx, dpkg, d, inside),
	)
}

func compareFields(ctx context.Context, dpkg Dpkg, d *deb.Deb, path string) error {
	var errs []error
	for _, f := range d.Control() {
		var out bytes.Buffer
		if err := dpkg(ctx, &out, "--field", path, f.Name); err != nil {
			return err
		}
		// dpkg-deb keeps blanks at the ends of lines, which deb822(5) gives no meaning.
		var got []string
		for line := range strings.Lines(out.String()) {
			got = append(got, strings.TrimRight(line, " \t\n"))
		}
		if got := strings.Join(got, "\n"); got != f.Value {
			errs = append(errs, fmt.Errorf("field %s: %q, dpkg-deb says %q", f.Name, f.Value, got))
		}
	}
	return errors.Join(errs...)
}

func compareMembers(ctx context.Context, dpkg Dpkg, d *deb.Deb, path string) error {
	var out bytes.Buffer
	if err := dpkg(ctx, &out, "--ctrl-tarfile", path); err != nil {
		return err
	}
	left := d.Scripts()
	for r := tar.NewReader(&out); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(h.Name, "./")
		if h.Typeflag != tar.TypeReg || name == "control" {
			continue
		}
		want, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		if got, ok := left[name]; !ok || !bytes.Equal(got, want) {
			return fmt.Errorf("control member %s differs", name)
		}
		delete(left, name)
	}
	if len(left) > 0 {
		return fmt.Errorf("%d control members that dpkg-deb does not have", len(left))
	}
	return nil
}

func compareData(ctx context.Context, dpkg Dpkg, d *deb.Deb, path string) error {
	want, got := sha256.New(), sha256.New()
	if err := dpkg(ctx, want, "--fsys-tarfile", path); err != nil {
		return err
	}
	data, err := d.DataTar()
	if err != nil {
		return err
	}
	defer data.Close()
	if _, err := io.Copy(got, data); err != nil {
		return err
	}
	if !bytes.Equal(want.Sum(nil), got.Sum(nil)) {
		return errors.New("data.tar differs")
	}
	_, err = d.Contents()
	return err
}
