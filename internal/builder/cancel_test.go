package builder_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/fuel-infra/pbuild/internal/deb/debtest"
	"github.com/fuel-infra/pbuild/internal/event"
	"github.com/fuel-infra/pbuild/internal/testenv"
	"github.com/fuel-infra/pbuild/recipe"
)

// TestCancel: wherever Ctrl-C comes, nothing is left in the making.
func TestCancel(t *testing.T) {
	packages := testenv.LockedPackages(t, "debian-12-base", smallPackages...)
	const sleep = "86399" // nothing else sleeps as long
	for _, tc := range []struct {
		at   event.State
		step string
		base string
	}{
		{event.Fetching, "", "small"},
		{event.Unpacking, "", ""},
		{event.Configuring, "sleeps", "small"},
		{event.Storing, "", "small"},
	} {
		t.Run(string(tc.at), func(t *testing.T) {
			var b *bench
			var slow recipe.Package
			if tc.base == "" {
				b = newBench(t, packages...)
				b.define("slow", "", packages...)
			} else {
				b = newLayerBench(t)
				postinst := "#!/bin/sh\nexit 0\n"
				if tc.step != "" {
					postinst = "#!/bin/sh\necho " + tc.step + "\nsetsid sleep " + sleep + " &\nsleep " + sleep + "\n"
				}
				slow = b.add("slow-"+string(tc.at), map[string]string{"postinst": postinst},
					debtest.Regular("./usr/share/slow", strings.Repeat("slow", 4<<20)))
				b.define("slow", tc.base, slow)
			}
			if tc.at == event.Fetching {
				b.archive.Fault = func(w http.ResponseWriter, r *http.Request, _ string) bool {
					w.Header().Set("Content-Length", strconv.FormatInt(slow.Size, 10))
					w.Write(bytes.Repeat([]byte("x"), 1<<20))
					w.(http.Flusher).Flush()
					<-r.Context().Done()
					return true
				}
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var at time.Time
			b.watch = func(e event.Event) {
				if e.State == tc.at && (tc.step == "" || e.Step == tc.step) && at.IsZero() {
					at = time.Now()
					cancel()
				}
			}
			_, _, err := b.maker().Make(ctx, "slow")
			if !errors.Is(err, context.Canceled) || at.IsZero() {
				t.Fatalf("got %v", err)
			}
			if took := time.Since(at); took > 3*time.Second {
				t.Errorf("ended %s after the cancel", took)
			}
			b.watch = nil
			b.absent("slow")
			b.clean()
			if out := processes(t, "sleep\x00"+sleep+"\x00"); out != nil {
				t.Errorf("still there: %q", out)
			}
		})
	}
}

// processes returns the ids of the processes with this command line.
func processes(t *testing.T, cmdline string) (ids []string) {
	t.Helper()
	all, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		if line, err := os.ReadFile("/proc/" + e.Name() + "/cmdline"); err == nil && string(line) == cmdline {
			ids = append(ids, e.Name())
		}
	}
	return ids
}
