package worker

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"go.uber.org/goleak"
)

// roleVariable makes the test binary a process of root that runs a job.
const roleVariable = "PBUILD_WORKER_TEST_ROLE"

func TestMain(m *testing.M) {
	if Is() {
		os.Exit(playWorker(os.Args[1:]))
	}
	if role := os.Getenv(roleVariable); role != "" {
		os.Exit(playParent(strings.Fields(role)))
	}
	goleak.VerifyTestMain(m)
}

func TestUnusedUID(t *testing.T) {
	for _, tc := range []struct {
		name  string
		files map[string]string
		want  int
	}{
		{"no files", nil, 700000},
		{"people below", map[string]string{"passwd": "root:x:0:0::/:/bin/sh\nann:x:1000:1000::/:/bin/sh\n", "subuid": "ann:100000:65536\n"}, 700000},
		{"a user", map[string]string{"passwd": "x:x:700000:1::/:/bin/sh\n"}, 700001},
		{"a group of the number", map[string]string{"group": "x:x:700000:\ny:x:700002:\n"}, 700001},
		{"a range", map[string]string{"subuid": "ann:699999:3\n"}, 700002},
		{"two ranges and a user, out of order", map[string]string{
			"passwd": "x:x:765536:1::/:/bin/sh\n", "subuid": "b:765537:10\na:700000:65536\n", "subgid": "a:700000:10\n",
		}, 765547},
		{"subgid alone", map[string]string{"subgid": "ann:600000:200000\n"}, 800000},
		{"a range by number", map[string]string{"subuid": "1000:700000:1\n"}, 700001},
		{"an empty range", map[string]string{"subuid": "ann:700000:0\n"}, 700000},
		{"comments and rubbish", map[string]string{"passwd": "#x:x:y:z\n\n+::::::\nx:x:seven:1::/:\n", "subuid": "ann:700000\nann:a:b\n"}, 700000},
	} {
		fsys := fstest.MapFS{}
		for name, text := range tc.files {
			fsys[name] = &fstest.MapFile{Data: []byte(text)}
		}
		if got, err := unusedUID(fsys); err != nil || got != tc.want {
			t.Errorf("%s: got %d, %v, want %d", tc.name, got, err, tc.want)
		}
	}
	// Half of a file is no base for a choice.
	long := fstest.MapFS{"passwd": &fstest.MapFile{Data: bytes.Repeat([]byte("x"), 1<<20)}}
	if uid, err := unusedUID(long); err == nil {
		t.Errorf("of a file that can't be read: %d", uid)
	}
}

// handed returns what a worker hands over as these tar entries.
func handed(t testing.TB, headers ...tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range headers {
		if h.Typeflag == 0 {
			h.Typeflag = tar.TypeReg
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(bytes.Repeat([]byte("x"), int(h.Size))); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestHostileNames: whatever a worker says, a file that it hands over has a plain
// name, or is refused before anybody is asked to put it.
func TestHostileNames(t *testing.T) {
	take := func(stream []byte) (put []string, err error) {
		j := Job{Put: func(kind, name string, size int64, r io.Reader) error {
			body, err := io.ReadAll(r)
			put = append(put, fmt.Sprintf("%s %s %d", kind, name, len(body)))
			if int64(len(body)) != size && err == nil {
				t.Errorf("%s: %d bytes, announced %d", name, len(body), size)
			}
			return err
		}}
		err = j.take(bytes.NewReader(stream))
		return put, err
	}
	good := tar.Header{Name: "package/a_1-1_amd64.deb", Size: 5}
	put, err := take(handed(t, good, tar.Header{Name: "lock/x.lock"}))
	if err != nil || strings.Join(put, ",") != "package a_1-1_amd64.deb 5,lock x.lock 0" {
		t.Errorf("good ones: %q, %v", put, err)
	}
	for _, h := range []tar.Header{
		{Name: "package/../x"},
		{Name: "../package/x"},
		{Name: "package/.."},
		{Name: "package/."},
		{Name: "package/.bashrc"},
		{Name: "package/a/b"},
		{Name: "/package/x"},
		{Name: "package//x"},
		{Name: "package"},
		{Name: ""},
		{Name: "package/x", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"},
		{Name: "package/x", Typeflag: tar.TypeLink, Linkname: "/etc/passwd"},
		{Name: "package/x", Typeflag: tar.TypeDir},
		{Name: "package/x", Typeflag: tar.TypeChar},
		{Name: "package/x", Typeflag: tar.TypeFifo},
	} {
		put, err := take(handed(t, h))
		if err == nil || !strings.HasPrefix(err.Error(), "worker: hands over ") || put != nil {
			t.Errorf("%q (%c): got %q, %v", h.Name, h.Typeflag, put, err)
		}
	}
	// A size that nobody could mean; the header alone is enough.
	var huge bytes.Buffer
	if err := tar.NewWriter(&huge).WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "package/x", Size: maxFile + 1}); err != nil {
		t.Fatal(err)
	}
	if put, err := take(huge.Bytes()); err == nil || put != nil {
		t.Errorf("%d bytes: got %q, %v", int64(maxFile)+1, put, err)
	}
	if _, err := take([]byte(strings.Repeat("rubbish ", 200))); err == nil {
		t.Error("rubbish is taken")
	}
	// A worker that died says why itself.
	whole := handed(t, good, good)
	for _, n := range []int{0, 100, 512, 514, 1024, 1500} {
		put, err := take(whole[:n])
		if err != nil || len(put) > 1 {
			t.Errorf("the first %d bytes: %q, %v", n, put, err)
		}
	}
	// What the parent can't write is told.
	full := errors.New("disk full")
	j := Job{Put: func(string, string, int64, io.Reader) error { return full }}
	if err := j.take(bytes.NewReader(whole)); !errors.Is(err, full) {
		t.Errorf("got %v", err)
	}
}

// TestMapped: a uid is mapped where a line of uid_map covers it.
func TestMapped(t *testing.T) {
	file := t.TempDir() + "/uid_map"
	const text = "         0       1000          1\n         1     100000      65536\n    700000     700000 4294267295\n"
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	for uid, want := range map[int]bool{0: true, 1: true, 65536: true, 65537: false, 699999: false, 700000: true, 1 << 31: true} {
		err := mapped(file, uid)
		if (err == nil) != want || !want && (!errors.Is(err, ErrNotMapped) || err.Error() != fmt.Sprintf("worker: uid %d: not mapped in this user namespace", uid)) {
			t.Errorf("%d: %v", uid, err)
		}
	}
	if err := os.WriteFile(file, []byte("0 x 1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := mapped(file, 0); err == nil || errors.Is(err, ErrNotMapped) {
		t.Errorf("rubbish: %v", err)
	}
}

// TestIs: a test process is no worker, only because of its name.
func TestIs(t *testing.T) {
	if Is() {
		t.Error("the tests are a worker")
	}
}

// FuzzTake: whatever a worker sends, root puts down plain names in a folder.
func FuzzTake(f *testing.F) {
	f.Add(handed(f, tar.Header{Name: "package/a_1-1_amd64.deb", Size: 5}, tar.Header{Name: "lock/x.lock"}))
	f.Add(handed(f, tar.Header{Name: "package/../x"}))
	f.Fuzz(func(t *testing.T, stream []byte) {
		j := Job{Put: func(kind, name string, size int64, r io.Reader) error {
			if strings.Contains(kind, "/") || strings.ContainsAny(name, "/\x00") || name == "" || name[0] == '.' || size < 0 || size > maxFile {
				t.Errorf("%q %q of %d bytes", kind, name, size)
			}
			_, err := io.Copy(io.Discard, r)
			return err
		}}
		_ = j.take(bytes.NewReader(stream))
	})
}
