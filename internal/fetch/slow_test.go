package fetch

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// TestSlowIsNotStalled: a server that needs several windows of patience for one
// file, but sends enough in each, is not asked again.
func TestSlowIsNotStalled(t *testing.T) {
	a := newArchive(t, nil)
	a.fault = func(w http.ResponseWriter, _ *http.Request, _ int) bool {
		w.Header().Set("Content-Length", fmt.Sprint(len(content)))
		for i := 0; i < len(content); i += 2000 {
			io.WriteString(w, content[i:i+2000])
			w.(http.Flusher).Flush()
			time.Sleep(100 * time.Millisecond)
		}
		return true
	}
	s := newStore(t)
	c, _ := newClient(t, s, a.base())
	c.pace.stall = 400 * time.Millisecond
	if err := c.All(t.Context(), []File{file("pool/a.deb", content)}, nil); err != nil {
		t.Fatal(err)
	}
	holds(t, s, content)
	if a.requests() != 1 {
		t.Errorf("%d requests", a.requests())
	}
}

// TestStallingMirrorIsAskedLast: only the files under way when a mirror proves
// silent wait for it.
func TestStallingMirrorIsAskedLast(t *testing.T) {
	files := map[string]string{}
	for i := range 30 {
		files[fmt.Sprintf("pool/%d.deb", i)] = text(fmt.Sprint(i), 2000)
	}
	silent, good := newArchive(t, nil), newArchive(t, files)
	silent.fault = func(w http.ResponseWriter, r *http.Request, _ int) bool {
		hang()(w, r)
		return true
	}
	s := newStore(t)
	c, k := newClient(t, s, silent.base(), good.base())
	c.pace.stall = 200 * time.Millisecond
	if err := c.All(t.Context(), filesOf(files), nil); err != nil {
		t.Fatal(err)
	}
	if silent.requests() != parallel || good.requests() != len(files) || len(k.slept) != 0 {
		t.Errorf("%d and %d requests, slept %v", silent.requests(), good.requests(), k.slept)
	}
}

// TestPausedMirrorIsLeftAlone: while one mirror asks for time the other serves.
func TestPausedMirrorIsLeftAlone(t *testing.T) {
	files := map[string]string{}
	for i := range 30 {
		files[fmt.Sprintf("pool/%d.deb", i)] = text(fmt.Sprint(i), 2000)
	}
	limited, good := newArchive(t, files), newArchive(t, files)
	limited.fault = func(w http.ResponseWriter, r *http.Request, _ int) bool {
		status(429, "Retry-After", "30")(w, r)
		return true
	}
	s := newStore(t)
	c, k := newClient(t, s, limited.base(), good.base())
	if err := c.All(t.Context(), filesOf(files), nil); err != nil {
		t.Fatal(err)
	}
	if limited.requests() > parallel || good.requests() != len(files) || len(k.slept) != 0 {
		t.Errorf("%d and %d requests, slept %v", limited.requests(), good.requests(), k.slept)
	}
}

// TestPartition: after a first answer the server is away for thirty seconds.
func TestPartition(t *testing.T) {
	files := map[string]string{"pool/a.deb": content, "pool/b.deb": text("b", 100)}
	a := newArchive(t, files)
	addr := a.Listener.Addr().String()
	s := newStore(t)
	c, k := newClient(t, s, a.base())
	if err := c.All(t.Context(), filesOf(files)[1:], nil); err != nil {
		t.Fatal(err)
	}
	a.Server.Close()
	begun, back := k.now(), false
	k.onNap = func(int) {
		if back || k.now().Sub(begun) < 30*time.Second {
			return
		}
		l, err := net.Listen("tcp", addr)
		if err != nil {
			t.Error(err)
			return
		}
		back = true
		again := &httptest.Server{Listener: l, Config: &http.Server{Handler: a}}
		again.Start()
		t.Cleanup(again.Close)
	}
	if err := c.All(t.Context(), filesOf(files), nil); err != nil {
		t.Fatal(err)
	}
	if !back {
		t.Error("it never came back")
	}
	holds(t, s, content, files["pool/b.deb"])
}
