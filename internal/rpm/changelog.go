package rpm

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ChangelogDate returns the date of the newest, that is the first, entry of a
// spec's %changelog, as rpm reads it (rpm's build/parseChangelog.c):
//
//   - Sun Nov 01 2026 Name <mail@example.org> - 1.0-1
//   - Sun Nov  1 12:34:56 UTC 2026 Name <mail@example.org> - 1.0-1
//
// Without a time it is 12:00 UTC of the day, as rpm -q --changelog has it;
// rpmbuild's own source_date_epoch_from_changelog takes 00:00 instead. A day that has another name, or
// that its month has not, is what rpm warns of and counts on from; so do we. Of zones
// only UTC and GMT are accepted: what others mean depends on the host's zone files.
// Macros are not expanded. ErrNoChangelog: there is none, or none with an entry.
func ChangelogDate(spec []byte) (time.Time, error) {
	found := false
	for n, line := range lines(spec) {
		line = strings.TrimSpace(line)
		switch {
		case !found:
			found = section(line) == "changelog"
		case line == "" || line[0] == '#':
		default:
			t, err := changelogDate(line)
			if err != nil {
				return time.Time{}, fmt.Errorf("spec: line %d: %w", n, err)
			}
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("spec: %w", ErrNoChangelog)
}

// ErrNoChangelog says that a spec has no changelog entry.
var ErrNoChangelog = errors.New("no entry in %changelog")

var months = []string{"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"}

func changelogDate(line string) (time.Time, error) {
	bad := func(why string) (time.Time, error) {
		return time.Time{}, fmt.Errorf("%q: %s: want as in «* Sun Nov 01 2026 Name <mail>»", short(line), why)
	}
	rest, ok := strings.CutPrefix(line, "*")
	if !ok {
		return bad("no entry")
	}
	f := strings.Fields(rest)
	if len(f) < 4 {
		return bad("no date")
	}
	month := slices.Index(months, f[1])
	if !slices.Contains([]string{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"}, f[0]) || month < 0 {
		return bad("no name of a day and of a month")
	}
	day, ok := decimal(f[2], 31)
	if !ok || month == 1 && day > 29 || (month == 3 || month == 5 || month == 8 || month == 10) && day > 30 {
		return bad("no day of a month")
	}
	clock, year := [3]int{12}, f[3]
	if h := strings.Split(f[3], ":"); len(h) > 1 {
		if len(h) != 3 || len(f) < 6 {
			return bad("no time with a zone")
		}
		for i, most := range []int{23, 59, 59} {
			if clock[i], ok = decimal(h[i], most); !ok {
				return bad("no time")
			}
		}
		if f[4] != "UTC" && f[4] != "GMT" {
			return bad("zone " + short(f[4]) + " is neither UTC nor GMT")
		}
		year = f[5]
	}
	y, ok := decimal(year, 2999)
	if !ok || y < 1990 {
		return bad("no year from 1990 to 2999")
	}
	return time.Date(y, time.Month(month+1), day, clock[0], clock[1], clock[2], 0, time.UTC), nil
}

// decimal reads a number of digits alone, at most most.
func decimal(s string, most int) (int, bool) {
	if len(s) > 4 || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.Atoi(s)
	return n, err == nil && n <= most
}

// lines returns the lines of a spec, numbered from 1, without their ends.
func lines(spec []byte) iter.Seq2[int, string] {
	return func(yield func(int, string) bool) {
		n := 0
		for line := range bytes.Lines(spec) {
			if n++; !yield(n, strings.TrimRight(string(line), "\r\n")) {
				return
			}
		}
	}
}

// sections are what ends a spec's preamble, or another section (rpm's
// build/parseSpec.c).
var sections = []string{
	"package", "prep", "generate_buildrequires", "conf", "build", "install", "check", "clean", "preun", "postun", "pretrans", "posttrans",
	"preuntrans", "postuntrans", "pre", "post", "files", "changelog", "description", "triggerpostun", "triggerprein", "triggerun",
	"triggerin", "trigger", "verifyscript", "sepolicy", "filetriggerin", "filetrigger", "filetriggerun", "filetriggerpostun",
	"transfiletriggerin", "transfiletrigger", "transfiletriggerun", "transfiletriggerpostun", "patchlist", "sourcelist",
}

// section returns the section that a line begins, "" for none.
func section(line string) string {
	word, ok := strings.CutPrefix(line, "%")
	if i := strings.IndexAny(word, " \t"); i >= 0 {
		word = word[:i]
	}
	word = strings.ToLower(word)
	if !ok || !slices.Contains(sections, word) {
		return ""
	}
	return word
}
