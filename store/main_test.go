package store

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/fuel-infra/pbuild/store/digest"
)

// roleEnv makes the test binary another process that works on a store: a role
// of roles, then its arguments.
const roleEnv = "PBUILD_STORE_TEST_ROLE"

func TestMain(m *testing.M) {
	if role := os.Getenv(roleEnv); role != "" {
		args := strings.Split(role, "\n")
		if err := roles[args[0]](args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func roleCommand(t testing.TB, role string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	// Else the race detector waits for a second before each exit.
	cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0", roleEnv+"="+strings.Join(append([]string{role}, args...), "\n"))
	return cmd
}

func newStore(t testing.TB) *Store {
	t.Helper()
	return openStore(t, filepath.Join(t.TempDir(), "store"))
}

func openStore(t testing.TB, dir string) *Store {
	t.Helper()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

var testTime = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

const emptyConfig = "{}"

func derivation(recipe, salt string) string {
	return "pbuild derivation 1\nname \"" + recipe + "\"\nsalt \"" + salt + "\"\n"
}

func planned(recipe, salt string) digest.Key { return digest.KeyOf([]byte(derivation(recipe, salt))) }

func timeout(d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), d)
}

// put stores all blobs of a realization of recipe that differs with salt, and
// returns it, not recorded.
func put(s *Store, recipe, salt string) (Realization, error) {
	var err error
	blob := func(text string) digest.Digest {
		d, perr := s.PutBytes([]byte(text))
		if perr != nil && err == nil {
			err = perr
		}
		return d
	}
	text := derivation(recipe, salt)
	deb := "!<arch>\n" + recipe + " " + salt
	file := File{
		Name: recipe + "_1.0-1_amd64.deb", Digest: blob(deb), Size: int64(len(deb)),
		Package: recipe, Version: "1.0-1", Arch: "amd64",
	}
	config := blob(emptyConfig)
	manifest := fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"artifactType":"application/vnd.pbuild.package.v1",`+
		`"config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":%q,"size":2},`+
		`"layers":[{"mediaType":"application/vnd.debian.binary-package","digest":%q,"size":%d}]}`,
		v1.MediaTypeImageManifest, config, file.Digest, file.Size)
	blob(text)
	r := Realization{
		Key: digest.KeyOf([]byte(text)), Recipe: recipe, Format: "deb", Arch: "amd64", Version: "1.0-1",
		Manifest: blob(manifest), Output: digest.Of([]byte("output " + deb)), Log: blob("log " + salt + "\n"),
		Provenance: blob(`{"salt":"` + salt + `"}`), Files: []File{file}, Finished: testTime, Seconds: 1.5,
	}
	return r, err
}

// realize puts and records.
func realize(t testing.TB, s *Store, recipe, salt string) Realization {
	t.Helper()
	r, err := put(s, recipe, salt)
	if err != nil {
		t.Fatal(err)
	}
	kept, err := s.Record(r, recipe+"-deb")
	if err != nil {
		t.Fatal(err)
	}
	return *kept
}

// wantClean fails unless the store verifies and nothing is left over.
func wantClean(t testing.TB, s *Store) Report {
	t.Helper()
	report, err := s.Verify(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range report.Problems {
		t.Errorf("verify: %s: %s", p.Path, p.What)
	}
	for _, dir := range []string{tmpDir, quarantineDir} {
		if names := must(readNames(s.path(dir))); len(names) > 0 {
			t.Errorf("left in %s: %q", dir, names)
		}
	}
	return report
}
