package fetch

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fuel-infra/pbuild/store"
	"github.com/fuel-infra/pbuild/store/digest"
)

func TestAllFetchesEachFileOnce(t *testing.T) {
	files := map[string]string{"pool/main/c/c++/c++_1+b~1:%41 x.deb": "odd name", "pool/empty.deb": ""}
	for i := range 5*parallel - 2 {
		path := fmt.Sprintf("pool/main/p%d.deb", i)
		files[path] = text(path, 1000+i*5000)
	}
	a := newArchive(t, files)
	a.fault = inWaves(parallel)
	s := newStore(t)
	c, k := newClient(t, s, a.base())
	list := filesOf(files)
	total := int64(0)
	for _, f := range list {
		total += f.Size
	}
	last := int64(0)
	progress := func(done, all int64) {
		if done < last || all != total {
			t.Errorf("progress %d of %d after %d of %d", done, all, last, total)
		}
		last = done
	}
	if err := c.All(t.Context(), append(list, list...), progress); err != nil {
		t.Fatal(err)
	}
	holds(t, s, slices.Collect(maps.Values(files))...)
	if last != total {
		t.Errorf("progress ended at %d of %d", last, total)
	}
	if n := a.requests(); n != len(files) {
		t.Errorf("%d requests for %d files", n, len(files))
	}
	// A connection that was being made when another got free may come on top.
	if most, conns := a.load(); most != parallel || conns > 2*parallel {
		t.Errorf("%d requests at once over %d connections, want %d over as many", most, conns, parallel)
	}
	if want := "/debian/pool/main/c/c%2B%2B/c%2B%2B_1%2Bb~1:%2541%20x.deb"; !slices.Contains(a.requestURIs(), want) {
		t.Errorf("not asked for %s", want)
	}
	if len(k.slept) != 0 {
		t.Errorf("slept %v without a fault", k.slept)
	}

	// All is there: nobody is asked, not even about the mirror.
	none, _ := clientOf(t, s, Mirrors{Suite: "bookworm"})
	if err := none.All(t.Context(), list, func(int64, int64) { t.Error("progress of nothing") }); err != nil {
		t.Error(err)
	}
}

// inWaves answers only when n requests wait, so that exactly n are under way at
// once in each wave.
func inWaves(n int) func(http.ResponseWriter, *http.Request, int) bool {
	var mu sync.Mutex // guards all below
	waiting, wave := 0, make(chan struct{})
	return func(_ http.ResponseWriter, r *http.Request, _ int) bool {
		mu.Lock()
		mine := wave
		if waiting++; waiting == n {
			close(wave)
			waiting, wave = 0, make(chan struct{})
		}
		mu.Unlock()
		select {
		case <-mine:
		case <-r.Context().Done():
		}
		return false
	}
}

// TestBytesAreTakenAsServed: a server that calls a compressed file an encoding
// of something else changes nothing.
func TestBytesAreTakenAsServed(t *testing.T) {
	var zipped strings.Builder
	z := gzip.NewWriter(&zipped)
	fmt.Fprint(z, content)
	z.Close()
	files := map[string]string{"pool/a.tar.gz": zipped.String()}
	a := newArchive(t, files)
	a.fault = func(w http.ResponseWriter, r *http.Request, _ int) bool {
		if got := r.Header.Get("Accept-Encoding"); got != "" {
			t.Errorf("asked for the encoding %s", got)
		}
		w.Header().Set("Content-Encoding", "gzip")
		w.Header().Set("Content-Type", "text/plain")
		return false
	}
	s := newStore(t)
	c, _ := newClient(t, s, a.base())
	if err := c.All(t.Context(), filesOf(files), nil); err != nil {
		t.Fatal(err)
	}
	holds(t, s, zipped.String())
}

func TestAllRefusesWhatItCouldNotCheck(t *testing.T) {
	a := newArchive(t, nil)
	s := newStore(t)
	c, _ := newClient(t, s, a.base())
	d := digest.Of([]byte("x"))
	for _, tc := range []struct {
		f    File
		want string
	}{
		{File{Path: "pool/a.deb"}, "fetch pool/a.deb: no digest to check it by"},
		{File{Path: "pool/../../a", Want: d}, `fetch path "pool/../../a": unsafe: want a clean relative path`},
		{File{Path: "/etc/passwd", Want: d}, `fetch path "/etc/passwd": unsafe: want a clean relative path`},
		{File{Path: "pool/a\n", Want: d}, `fetch path "pool/a\n": unsafe: want a clean relative path`},
		{File{Path: "", Want: d}, `fetch path "": unsafe: want a clean relative path`},
		{File{Path: ".", Want: d}, `fetch path ".": unsafe: want a clean relative path`},
		{File{Path: "ftp://127.0.0.1/x", Want: d}, "fetch URL ftp://127.0.0.1/x: scheme: want http, https or file"},
	} {
		wantError(t, c.All(t.Context(), []File{file("pool/good.deb", "good"), tc.f}, nil), tc.want)
	}
	if a.requests() != 0 {
		t.Errorf("asked for %v", a.requestURIs())
	}
	holds(t, s)
}

func TestMissingFilesAreListedTogether(t *testing.T) {
	have := map[string]string{"pool/a.deb": "a", "pool/c.deb": "c", "pool/e.deb": "e"}
	one, two := newArchive(t, have), newArchive(t, map[string]string{"pool/f.deb": "f"})
	two.fault = func(w http.ResponseWriter, r *http.Request, _ int) bool {
		if strings.HasSuffix(r.URL.Path, "/d.deb") {
			w.WriteHeader(http.StatusGone)
			return true
		}
		return false
	}
	dead := deadBase(t)
	s := newStore(t)
	c, k := newClient(t, s, one.base(), two.base(), dead)
	var list []File
	for _, n := range []string{"a", "b", "c", "d", "e", "f"} {
		list = append(list, file("pool/"+n+".deb", n))
	}
	list[3].Package = ""
	err := c.All(t.Context(), list, nil)
	wantError(t, err, fmt.Sprintf("fetch 2 files: gone from every mirror:\n"+
		"  pool/b.deb (b): %[1]s: 404 Not Found, %[2]s: 404 Not Found, %[3]s: connection refused\n"+
		"  pool/d.deb: %[1]s: 404 Not Found, %[2]s: 410 Gone, %[3]s: connection refused", one.base(), two.base(), dead))
	var missing *MissingError
	if !errors.As(err, &missing) || len(missing.Files) != 2 || missing.Files[1].Path != "pool/d.deb" {
		t.Errorf("%#v", missing)
	}
	holds(t, s, "a", "c", "e", "f")
	if len(k.slept) != 0 {
		t.Errorf("slept %v over files that are gone", k.slept)
	}
}

// TestManyMissingFiles: the text stays short, the count exact, and Files whole.
func TestManyMissingFiles(t *testing.T) {
	a := newArchive(t, nil)
	for n, end := range map[int]string{20: "", 21: "\n  and 1 more", 300: "\n  and 280 more"} {
		c, _ := newClient(t, newStore(t), a.base())
		var list []File
		want := fmt.Sprintf("fetch %d files: gone from every mirror:", n)
		for i := range n {
			f := file(fmt.Sprintf("pool/%03d.deb", i), fmt.Sprint(i))
			list = append(list, f)
			if i < 20 {
				want += fmt.Sprintf("\n  %s (%s): %s: 404 Not Found", f.Path, f.Package, a.base())
			}
		}
		err := c.All(t.Context(), list, nil)
		wantError(t, err, want+end)
		var missing *MissingError
		if !errors.As(err, &missing) || len(missing.Files) != n {
			t.Errorf("%d of %d files", len(missing.Files), n)
		}
	}
}

func TestWrongBytesAreTakenFromTheNextMirror(t *testing.T) {
	good := map[string]string{"pool/a.deb": "right bytes"}
	bad, right := newArchive(t, map[string]string{"pool/a.deb": "wrong bytes"}), newArchive(t, good)
	s := newStore(t)
	c, _ := newClient(t, s, bad.base(), right.base())
	if err := c.All(t.Context(), filesOf(good), nil); err != nil {
		t.Fatal(err)
	}
	holds(t, s, "right bytes")
	if bad.requests() != 1 || right.requests() != 1 {
		t.Errorf("%d and %d requests", bad.requests(), right.requests())
	}
}

func TestDamagedBlobOfOtherSizeIsFetchedAnew(t *testing.T) {
	good := map[string]string{"pool/a.deb": "right bytes"}
	a := newArchive(t, good)
	s := newStore(t)
	c, _ := newClient(t, truncated{s}, a.base())
	if err := c.All(t.Context(), filesOf(good), nil); err != nil {
		t.Fatal(err)
	}
	holds(t, s, "right bytes")
}

// truncated is a store whose blobs have lost their end.
type truncated struct{ *store.Store }

func (truncated) HasBlob(digest.Digest) (int64, bool) { return 3, true }

// full is a store without space.
type full struct{ *store.Store }

func (f full) Create() (*store.BlobWriter, error) {
	return nil, &store.SpaceError{Path: f.Dir(), Free: 4096}
}

func TestSinkErrorEndsTheCall(t *testing.T) {
	good := map[string]string{"pool/a.deb": "right bytes"}
	a := newArchive(t, good)
	s := newStore(t)
	c, k := newClient(t, full{s}, a.base())
	err := c.All(t.Context(), filesOf(good), nil)
	wantError(t, err, fmt.Sprintf("fetch %s/pool/a.deb: %s: no space: 4096 bytes free", a.base(), s.Dir()))
	if !errors.Is(err, store.ErrNoSpace) {
		t.Error("not ErrNoSpace")
	}
	if a.requests() != 1 || len(k.slept) != 0 {
		t.Errorf("%d requests, slept %v: a full disk is nothing to retry", a.requests(), k.slept)
	}
}

func TestCancelLeavesNothing(t *testing.T) {
	content := text("a", 300_000)
	a := newArchive(t, nil)
	half := make(chan struct{}, parallel)
	a.fault = func(w http.ResponseWriter, r *http.Request, _ int) bool {
		w.Header().Set("Content-Length", fmt.Sprint(len(content)))
		fmt.Fprint(w, content[:200_000])
		w.(http.Flusher).Flush()
		half <- struct{}{}
		<-r.Context().Done()
		return true
	}
	s := newStore(t)
	c, _ := newClient(t, s, a.base())
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-half; cancel() }()
	begun := time.Now()
	err := c.All(ctx, []File{file("pool/a.deb", content), {Path: "pool/b.deb", Want: digest.Of([]byte("b")), Size: -1}}, nil)
	wantError(t, err, "fetch context canceled")
	if !errors.Is(err, context.Canceled) || time.Since(begun) > 3*time.Second {
		t.Errorf("%v after %s", err, time.Since(begun))
	}
	holds(t, s)
}

func TestPasswordStaysWithItsMirror(t *testing.T) {
	files := map[string]string{"pool/a.deb": "a"}
	var elsewhere, here []string
	other := newArchive(t, files)
	other.fault = func(_ http.ResponseWriter, r *http.Request, _ int) bool {
		elsewhere = append(elsewhere, r.Header.Get("Authorization"), r.Header.Get("Referer"))
		return false
	}
	a := newArchive(t, nil)
	a.fault = func(w http.ResponseWriter, r *http.Request, _ int) bool {
		user, password, _ := r.BasicAuth()
		a.mu.Lock()
		here = append(here, user+":"+password)
		a.mu.Unlock()
		if strings.HasSuffix(r.URL.Path, "/a.deb") {
			http.Redirect(w, r, other.base()+"/pool/a.deb", http.StatusFound)
			return true
		}
		return false
	}
	s := newStore(t)
	c, _ := newClient(t, s, strings.Replace(a.base(), "://", "://me:secret@", 1))
	err := c.All(t.Context(), []File{file("pool/a.deb", "a"), file("pool/b.deb", "b")}, nil)
	wantError(t, err, fmt.Sprintf("fetch 1 file: gone from every mirror:\n  pool/b.deb (b): %s: 404 Not Found",
		strings.Replace(a.base(), "://", "://me:xxxxx@", 1)))
	if !slices.Equal(here, []string{"me:secret", "me:secret"}) {
		t.Errorf("the mirror got %q", here)
	}
	if len(elsewhere) != 2 || elsewhere[0] != "" || strings.Contains(elsewhere[1], "secret") {
		t.Errorf("another host got %q", elsewhere)
	}
	holds(t, s, "a")
}
