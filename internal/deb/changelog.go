package deb

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// maxEntryText bounds the newest entry of a changelog.
const maxEntryText = 4 << 20

// Changelog is the newest entry of a debian/changelog, its text left out.
type Changelog struct {
	Source       string // a valid package name
	Version      string // a valid version
	Distribution string // "unstable"; several are parted by one blank
	Maintainer   string // who made the entry: "Name <mail@example.org>"
	Date         time.Time
}

// Entry returns the text of an entry (deb-changelog(5)) that says these lines, to be
// put before those that are there.
func (c Changelog) Entry(lines ...string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s (%s) %s; urgency=medium\n\n", c.Source, c.Version, c.Distribution)
	for _, l := range lines {
		fmt.Fprintf(&b, "  * %s\n", l)
	}
	fmt.Fprintf(&b, "\n -- %s  %s\n\n", c.Maintainer, c.Date.UTC().Format(changelogTime))
	return b.Bytes()
}

// changelogTime is RFC 5322's, with a blank or a digit before a day of one digit.
const changelogTime = "Mon, _2 Jan 2006 15:04:05 -0700"

// ParseChangelogTop reads the newest, that is the first, entry of a
// debian/changelog (deb-changelog(5)):
//
//	hello (2.10-3) unstable; urgency=medium
//
//	  * Change.
//
//	 -- Name <mail@example.org>  Mon, 26 Dec 2022 16:30:00 +0100
//
// What follows it is not looked at. A day's name that contradicts the date counts
// for nothing: dpkg passes over it too, and such changelogs are built.
func ParseChangelogTop(r io.Reader) (Changelog, error) {
	c, err := parseChangelogTop(r)
	if err != nil {
		return Changelog{}, fmt.Errorf("changelog: %w", err)
	}
	return c, nil
}

func parseChangelogTop(r io.Reader) (Changelog, error) {
	var c Changelog
	br := bufio.NewReader(io.LimitReader(r, maxEntryText))
	for n := 1; ; n++ {
		line, err := br.ReadString('\n')
		if err != nil && err != io.EOF {
			return c, err
		}
		atEnd := err == io.EOF
		line = strings.TrimRight(line, " \t\r\n")
		switch {
		case line == "":
		case c.Source == "":
			if c, err = changelogHead(line); err != nil {
				return c, fmt.Errorf("line %d: %w", n, err)
			}
		case strings.HasPrefix(line, " -- "):
			if c.Date, err = changelogDate(line); err != nil {
				return c, fmt.Errorf("line %d: %w", n, err)
			}
			who, _, _ := strings.Cut(strings.TrimPrefix(line, " -- "), ">  ")
			c.Maintainer = strings.TrimSpace(who) + ">"
			return c, nil
		case !strings.HasPrefix(line, "  "):
			return c, fmt.Errorf("line %d: want a change, indented by two blanks, or the « -- » line, got %q", n, short(line))
		}
		if atEnd {
			if c.Source == "" {
				return c, errors.New("empty")
			}
			return c, fmt.Errorf("the entry of %s %s has no « -- » line within %d bytes", c.Source, c.Version, maxEntryText)
		}
	}
}

// changelogHead reads "hello (2.10-3) unstable; urgency=medium".
func changelogHead(line string) (Changelog, error) {
	var c Changelog
	head, _, ok := strings.Cut(line, ";")
	w := strings.Fields(head)
	if !ok || len(w) < 3 || line[0] == ' ' || line[0] == '\t' {
		return c, fmt.Errorf("want «package (version) distribution; urgency=…», got %q", short(line))
	}
	version, open := strings.CutPrefix(w[1], "(")
	version, closed := strings.CutSuffix(version, ")")
	if !open || !closed {
		return c, fmt.Errorf("want the version in parentheses, got %q", short(w[1]))
	}
	for _, d := range w[2:] {
		if !only(d, lowerDigits+upper+"-+.~") {
			return c, fmt.Errorf("bad distribution %q", short(d))
		}
	}
	c = Changelog{Source: w[0], Version: version, Distribution: strings.Join(w[2:], " ")}
	return c, errors.Join(CheckPackage(c.Source), CheckVersion(c.Version))
}

// changelogDate reads the date of " -- Name <mail>  Mon, 26 Dec 2022 16:30:00 +0100".
func changelogDate(line string) (time.Time, error) {
	_, date, ok := strings.Cut(line, ">  ")
	if !ok {
		return time.Time{}, fmt.Errorf("want « -- Name <mail>  date» with two blanks before the date, got %q", short(line))
	}
	date = strings.TrimSpace(date)
	t, err := time.Parse(changelogTime, date)
	if err != nil || t.Unix() < 0 {
		return time.Time{}, fmt.Errorf("bad date %q: want as in «Mon, 26 Dec 2022 16:30:00 +0100», no earlier than 1970", short(date))
	}
	return t.UTC(), nil // not in a location that depends on the host
}
