package output_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/fuel-infra/pbuild/internal/output"
)

func TestAppendLine(t *testing.T) {
	for want, fields := range map[string][]string{
		"\n":                                 nil,
		"a\tb c\td\"\n":                      {"a", "b c", `d"`},
		"\"\"\t\"\\\"x\"\t\"tab\\tnl\\n\"\n": {"", `"x`, "tab\tnl\n"},
		"\"\\u00fc\"\t\"\\xff\"\t~\n":        {"ü", "\xff", "~"},
	} {
		if got := string(output.AppendLine(nil, fields...)); got != want {
			t.Errorf("%q: %q, want %q", fields, got, want)
		}
	}
}

// The same paths are found in the texts of both formats.
func TestPaths(t *testing.T) {
	text := []byte(output.Head)
	for _, line := range [][]string{
		{"field", "description", "usr/none"},
		{"member", "0644", "00", "md5sums"},
		{"d", "0755", "0", "0", "root", "root", "usr"},
		{"f", "0755", "0", "0", "root", "root", "usr/ü", "1", "00"},
		{"relation", "requires", "a", "b", "c", "d", "e"},
		{"ghost", "f", "0644", "root", "root", "var/log/none", "flags", "ghost"},
		{"f", "0755", "-", "-", "root", "root", "usr/with blank", "1", "00", "flags", "doc"},
		{"l", "0777", "-", "-", "root", "root", `"usr`, "target"},
	} {
		text = output.AppendLine(text, line...)
	}
	text = append(text, "f\t0755\t-\t-\troot\troot\t\"broken\nf\tshort"...)
	got := slices.Sorted(maps.Keys(output.Paths(text)))
	want := []string{`"broken`, `"usr`, "usr", "usr/with blank", "usr/ü"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
