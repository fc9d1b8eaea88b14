package tree

import (
	"fmt"
	"maps"
	"slices"
)

// Diff lists what differs between two ledgers, one line a path, in their
// order: "usr/bin/x: mode 0755 → 0644, owner 0:0 → 0:4", "usr/bin/y: missing",
// "usr/bin/z: unexpected". It is empty when they are equal.
func Diff(want, got Ledger) []string {
	var out []string
	for len(want) > 0 || len(got) > 0 {
		switch {
		case len(got) == 0 || len(want) > 0 && want[0].Path < got[0].Path:
			out = append(out, quoteName(want[0].Path)+": missing")
			want = want[1:]
		case len(want) == 0 || got[0].Path < want[0].Path:
			out = append(out, quoteName(got[0].Path)+": unexpected")
			got = got[1:]
		default:
			if s := diffEntry(want[0], got[0]); s != "" {
				out = append(out, quoteName(want[0].Path)+": "+s)
			}
			want, got = want[1:], got[1:]
		}
	}
	return out
}

// diffEntry says how two entries of one path differ, "" when they don't.
func diffEntry(want, got Entry) (s string) {
	if want.Kind != got.Kind {
		return fmt.Sprintf("%s → %s", want.Kind, got.Kind)
	}
	add := func(differ bool, format string, args ...any) {
		if differ {
			if s != "" {
				s += ", "
			}
			s += fmt.Sprintf(format, args...)
		}
	}
	add(want.Mode != got.Mode, "mode %04o → %04o", want.Mode, got.Mode)
	add(want.UID != got.UID || want.GID != got.GID, "owner %d:%d → %d:%d", want.UID, want.GID, got.UID, got.GID)
	add(want.Size != got.Size, "size %d → %d", want.Size, got.Size)
	add(want.MTime != got.MTime, "time %d → %d", want.MTime, got.MTime)
	add(want.Link != got.Link, "link %s → %s", quoteField(want.Link), quoteField(got.Link))
	add(want.Major != got.Major || want.Minor != got.Minor,
		"device %d:%d → %d:%d", want.Major, want.Minor, got.Major, got.Minor)
	if !maps.Equal(want.Xattrs, got.Xattrs) {
		names := slices.Sorted(maps.Keys(want.Xattrs))
		names = append(names, slices.Sorted(maps.Keys(got.Xattrs))...)
		slices.Sort(names)
		for _, k := range slices.Compact(names) {
			w, inWant := want.Xattrs[k]
			g, inGot := got.Xattrs[k]
			add(w != g || inWant != inGot, "xattr %s", quoteName(k))
		}
	}
	add(want.Digest != got.Digest, "content %s → %s", want.Digest.Short(), got.Digest.Short())
	return s
}
