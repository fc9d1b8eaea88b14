package sandbox

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// heard is an output that can be read while it is written.
type heard struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (h *heard) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.b.Write(p)
}

func (h *heard) String() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.b.String()
}

// await waits until the output has the text.
func (h *heard) await(t *testing.T, text string) {
	t.Helper()
	for begun := time.Now(); !strings.Contains(h.String(), text); time.Sleep(time.Millisecond) {
		if time.Since(begun) > 20*time.Second {
			t.Fatalf("no %q in %q", text, h)
		}
	}
}

// TestBetweenSandboxes: one that runs at the same time, over the same layers, can be handed
// no descriptor, by whatever name a socket has. The controls give both the host's network,
// and both the same folder, in which it can: no two builds get one.
func TestBetweenSandboxes(t *testing.T) {
	names := []string{"@pbuild-between", "/tmp/s", "/run/s", "/dev/shm/s", "/var/s"}
	for _, c := range []struct {
		name       string
		namespaces uintptr
		omit       []string
		shared     bool
		names      []string
		want       string
	}{
		{
			name: "apart", namespaces: allNamespaces, names: names,
			want: "@pbuild-between: ECONNREFUSED\n/tmp/s: ENOENT\n/run/s: ENOENT\n/dev/shm/s: ENOENT\n/var/s: ENOENT\n",
		},
		{
			name: "one network", namespaces: allNamespaces &^ unix.CLONE_NEWNET, omit: []string{"loopback", "read-only proc"}, names: names[:2],
			want: "@pbuild-between: ok\n/tmp/s: ENOENT\n",
		},
		{name: "one folder", namespaces: allNamespaces, shared: true, names: []string{"/var/s"}, want: "/var/s: ok\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := probe(t, append([]string{"receive"}, c.names...)...)
			addTree(t, a.Lower[0], "var/")
			b := Spec{Lower: a.Lower, Scratch: tempDir(t), Argv: append([]string{"/bin/probe", "offer"}, c.names...)}
			if c.shared {
				one := []Bind{{Host: tempDir(t), Inside: "/var", Writable: true}}
				a.Binds, b.Binds = one, one
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var said heard
			a.Stdout, a.Stderr = &said, &said
			ended := make(chan error, 1)
			go func() {
				p, err := a.plan()
				if err == nil {
					p.omit = c.omit
					l := launch{plan: p, stdout: a.Stdout, stderr: a.Stderr, namespaces: c.namespaces}
					_, err = l.run(ctx)
				}
				ended <- err
			}()
			said.await(t, "listening\n")
			if got := launchOutput(t, b, c.namespaces, c.omit...); got != c.want {
				t.Errorf("got %s", got)
			}
			want := "listening\n"
			for line := range strings.Lines(c.want) {
				if name, ok := strings.CutSuffix(line, ": ok\n"); ok {
					want += name + ": came\n"
				}
			}
			said.await(t, want)
			cancel()
			if err := <-ended; !errors.Is(err, context.Canceled) {
				t.Errorf("ended with %v", err)
			}
			if said.String() != want {
				t.Errorf("received %q, want %q", &said, want)
			}
			noProcessesOf(t, a)
		})
	}
}
