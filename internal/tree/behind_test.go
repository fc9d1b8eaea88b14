package tree

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/fuel-infra/pbuild/store/digest"
)

// descriptors counts the open files of this process.
func descriptors(t *testing.T) int {
	t.Helper()
	names, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(names)
}

// TestBehind: of many small files, in and out of directories, each has its bytes
// and its digest, also where something is linked to one that waits.
func TestBehind(t *testing.T) {
	dir, before := t.TempDir(), descriptors(t)
	var members []member
	for i := range 2000 {
		name := fmt.Sprintf("d%d/%04d", i%7, i)
		members = append(members, reg(name, fmt.Sprint(i)))
		if i%100 == 0 {
			members = append(members, link(tar.TypeLink, fmt.Sprintf("links/%04d", i), name))
		}
	}
	members = append(members, reg("large", strings.Repeat("x", maxBehind+1)), reg("exact", strings.Repeat("y", maxBehind)))
	l, err := Unpack(t.Context(), bytes.NewReader(makeTar(t, members...)), dir, UnpackOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := CheckFull(t.Context(), dir, l); err != nil {
		t.Error(err)
	}
	for i := range 2000 {
		name := fmt.Sprintf("d%d/%04d", i%7, i)
		if e, ok := l.Find(name); !ok || e.Digest != digest.Of(fmt.Append(nil, i)) {
			t.Fatalf("%s: %+v", name, e)
		}
	}
	goleak.VerifyNone(t)
	if after := descriptors(t); after != before {
		t.Errorf("%d descriptors, %d before", after, before)
	}
}

// TestBehindFails: what can't be made is named, and nothing goes on.
func TestBehindFails(t *testing.T) {
	many := func(first ...member) []member {
		for i := range 500 {
			first = append(first, reg(fmt.Sprintf("more/%d", i), "x"))
		}
		return first
	}
	for _, tc := range []struct {
		name    string
		members []member
	}{
		{"small", many(reg("a", "new"))},
		{"linked to", many(reg("a", "new"), link(tar.TypeLink, "b", "a"))},
		{"last", []member{reg("a", "new")}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir, before := t.TempDir(), descriptors(t)
			if err := os.WriteFile(filepath.Join(dir, "a"), []byte("old"), 0o644); err != nil {
				t.Fatal(err)
			}
			_, err := Unpack(t.Context(), bytes.NewReader(makeTar(t, tc.members...)), dir, UnpackOptions{Shared: true})
			if err == nil || err.Error() != "unpack a: is there already" {
				t.Errorf("got %v", err)
			}
			if old, err := os.ReadFile(filepath.Join(dir, "a")); string(old) != "old" {
				t.Errorf("%q, %v", old, err)
			}
			goleak.VerifyNone(t)
			if after := descriptors(t); after != before {
				t.Errorf("%d descriptors, %d before", after, before)
			}
		})
	}
}

// cancelling ends a context when so much was read.
type cancelling struct {
	io.Reader
	left   int
	cancel func()
}

func (c *cancelling) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	if c.left -= n; c.left < 0 {
		c.cancel()
	}
	return n, err
}

func TestBehindCancelled(t *testing.T) {
	dir, before := t.TempDir(), descriptors(t)
	var members []member
	for i := range 1000 {
		members = append(members, reg(fmt.Sprint(i), strings.Repeat("x", 1000)))
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	_, err := Unpack(ctx, &cancelling{bytes.NewReader(makeTar(t, members...)), 500_000, cancel}, dir, UnpackOptions{})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	goleak.VerifyNone(t)
	if after := descriptors(t); after != before {
		t.Errorf("%d descriptors, %d before", after, before)
	}
}
