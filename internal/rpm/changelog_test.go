package rpm_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/fuel-infra/pbuild/internal/rpm"
)

// dates are first lines of a %changelog and the second that they mean.
var dates = []struct {
	line, want string // a time, or the end of the error
}{
	{"* Sun Nov 01 2026 Name <mail@example.org> - 1.0-1", "2026-11-01T12:00:00Z"},
	{"* Sun Nov 1 2026 Name", "2026-11-01T12:00:00Z"},
	{"*Sun  Nov\t01 2026\tName", "2026-11-01T12:00:00Z"},
	{"* Sun Nov  1 12:34:56 UTC 2026 Name <mail@example.org>", "2026-11-01T12:34:56Z"},
	{"* Sun Nov 01 1:2:3 GMT 2026 Name", "2026-11-01T01:02:03Z"},
	{"* Mon Nov 01 2026 Name", "2026-11-01T12:00:00Z"}, // the day's name is wrong
	{"* Thu Feb 29 2023 Name", "2023-03-01T12:00:00Z"}, // no leap year
	{"* Mon Jan 01 1990 Name", "1990-01-01T12:00:00Z"},
	{"* Sun Nov 31 2026 Name", "no day of a month"},
	{"* Sun Feb 30 2026 Name", "no day of a month"},
	{"* Sun Nov 32 2026 Name", "no day of a month"},
	{"* Sun Nov -1 2026 Name", "no day of a month"},
	{"* Sun nov 01 2026 Name", "no name of a day and of a month"},
	{"* 2026-11-01 Name of somebody", "no name of a day and of a month"},
	{"* So Nov 01 2026 Name", "no name of a day and of a month"},
	{"* Sun Nov 01 1989 Name", "no year from 1990 to 2999"},
	{"* Sun Nov 01 3000 Name", "no year from 1990 to 2999"},
	{"* Sun Nov 01 26x Name", "no year from 1990 to 2999"},
	{"* Sun Nov 01 24:00:00 UTC 2026 Name", "no time"},
	{"* Sun Nov 01 12:34 UTC 2026 Name", "no time with a zone"},
	{"- change without an entry", "no entry"},
	{"* Sun Nov 01", "no date"},
}

func dateSpec(line string) string {
	return "Name: a\nVersion: 1\nRelease: 1\nSummary: a\nLicense: a\n\n%description\na\n\n%changelog\n\n" + line + "\n- change\n"
}

func TestChangelogDate(t *testing.T) {
	for _, c := range dates {
		got, err := rpm.ChangelogDate([]byte(dateSpec(c.line)))
		if want, bad := time.Parse(time.RFC3339, c.want); bad == nil {
			if err != nil || !got.Equal(want) || got.Location() != time.UTC {
				t.Errorf("%q: %v, %v, want %v", c.line, got, err, want)
			}
		} else if err == nil || !strings.HasPrefix(err.Error(), "spec: line 12: ") || !strings.Contains(err.Error(), ": "+c.want+": want as in ") {
			t.Errorf("%q: %v, %v, want %s", c.line, got, err, c.want)
		}
	}
}

// TestChangelogDateAgreesWithRPM: what we accept means the same to rpm, and what
// we refuse it refuses.
func TestChangelogDateAgreesWithRPM(t *testing.T) {
	o := ask(t)
	for i, c := range dates {
		said := strings.TrimSpace(o.said["date-"+strconv.Itoa(i/10)+strconv.Itoa(i%10)+".spec"])
		want, err := time.Parse(time.RFC3339, c.want)
		if err != nil && (said == "refused" || said == "(none)") {
			continue
		}
		if said != strconv.FormatInt(want.Unix(), 10) || err != nil {
			t.Errorf("%q: rpm says %s, we %s", c.line, said, c.want)
		}
	}
	got, err := rpm.ChangelogDate(testdata(t, "odd.spec"))
	if first, _, _ := strings.Cut(o.said["changelog"], "\n"); err != nil || strconv.FormatInt(got.Unix(), 10) != first {
		t.Errorf("odd.spec: %v, %v, rpm says %s", got, err, first)
	}
}

func TestChangelogDateRefuses(t *testing.T) {
	for in, want := range map[string]string{
		"":                                   "spec: no entry in %changelog",
		"Name: a\n%changelogs\n* Sun Nov 01": "spec: no entry in %changelog",
		"%changelog\n":                       "spec: no entry in %changelog",
		"a\n%changelog\n# * Sun\n\n":         "spec: no entry in %changelog",
		"%changelog\n* Sun Nov 01 12:00:00 CET 2026 Name": "spec: line 2: \"* Sun Nov 01 12:00:00 CET 2026 Name\": zone CET is neither UTC nor GMT: want as in «* Sun Nov 01 2026 Name <mail>»",
		"%changelog\n%autochangelog\n":                    "spec: line 2: \"%autochangelog\": no entry: want as in «* Sun Nov 01 2026 Name <mail>»",
	} {
		if got, err := rpm.ChangelogDate([]byte(in)); err == nil || err.Error() != want || !got.IsZero() {
			t.Errorf("%q: %v, %v, want %s", in, got, err, want)
		}
	}
}

func FuzzChangelogDate(f *testing.F) {
	for _, c := range dates {
		f.Add([]byte(dateSpec(c.line)))
	}
	f.Fuzz(func(t *testing.T, spec []byte) {
		got, err := rpm.ChangelogDate(spec)
		if err == nil && (got.Year() < 1990 || got.Year() > 2999) || err != nil && !got.IsZero() {
			t.Fatal(got, err)
		}
	})
}
