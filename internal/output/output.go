// Package output holds the text that says what a package installs. Its digest is
// the output digest: two builds that agree in it are the same for all that
// depends on them. Packages deb and rpm write the text, each for its format; what
// is listed is found in both by Paths.
//
// A text is lines, each of fields parted by tabs. A string that is not printable
// ASCII, is empty, or begins with a quote is quoted as Go quotes, to ASCII. The
// first line is Head. Of a .deb:
//
//	field   NAME VALUE                       sorted by NAME, which is in lower case
//	member  MODE SHA256 NAME                 sorted by NAME
//	f       MODE UID GID USER GROUP PATH SIZE SHA256 [XATTR VALUE]…
//	d, p    MODE UID GID USER GROUP PATH [XATTR VALUE]…
//	l, h    MODE UID GID USER GROUP PATH TARGET
//	c, b    MODE UID GID USER GROUP PATH MAJOR MINOR
//
// Fields are those of the control file but Installed-Size, which file systems
// and build tools round differently. Members are those of control.tar but
// control. Then come the paths, sorted bytewise, without the root, which is
// never a package's own. USER and GROUP stand beside the numbers since dpkg
// goes by the names. Of several hard links the first path carries the bytes.
// Modes are octal with four digits. No time is in it, and neither is the order
// or the compression of the archives.
//
// Of an .rpm:
//
//	field     NAME VALUE                     sorted by NAME
//	relation  KIND TEXT [FLAGS]              sorted by KIND, then by the rest; each once
//	script    KIND FLAGS PRIORITY SHA256 N PROGRAM… RELATION…
//	ghost     KIND MODE USER GROUP PATH [TARGET] [NAME VALUE]…
//	f, d, p, l, h, c, b                      as of a .deb, with - for UID and GID
//
// Fields are tags of the header by their names in lower case; translations
// have their language behind it, as in summary[de], and lists are joined by line
// ends. A relation's TEXT is as rpm prints it («libc >= 2-1»); FLAGS are what else
// rpm keeps of it (pre, interp, …), in commas. A script is one line: its N words of
// interpreter, then what a trigger waits for; triggers are in the header's order, which is
// the one that rpm goes by. A ghost is a path that the package owns and does not
// install. File lines end in pairs of NAME VALUE, sorted by NAME: caps, flags (config, doc, …),
// lang, verify (hexadecimal, where not all is verified).
//
// Left out of an .rpm: time and host of the build, the changelog (which rpm cuts
// by its age), sizes that file systems round, everything about the payload's
// form (and rpmlib(PayloadIs…), which names its compression), the name of the
// source rpm, the compiler's options, and what rpm found by looking into files.
//
// This package does not read packages, and it parses no text back.
package output

import (
	"strconv"
	"strings"
)

// Head is the first line of each text. What changes in the form raises its number.
const Head = "pbuild output 1\n"

// AppendLine appends fields as one line.
func AppendLine(b []byte, fields ...string) []byte {
	for i, f := range fields {
		if i > 0 {
			b = append(b, '\t')
		}
		b = appendField(b, f)
	}
	return append(b, '\n')
}

// appendField quotes as the ledgers of package tree do; a change there must not change keys here.
func appendField(b []byte, s string) []byte {
	other := func(r rune) bool { return r < ' ' || r > '~' }
	if s == "" || s[0] == '"' || strings.ContainsFunc(s, other) {
		return strconv.AppendQuoteToASCII(b, s)
	}
	return append(b, s...)
}

// Paths returns the paths, relative and without a slash at the end, that a text
// lists as installed. Lines that are not of its form are passed over.
func Paths(text []byte) map[string]bool {
	paths := make(map[string]bool)
	for line := range strings.Lines(string(text)) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(f) < 7 || len(f[0]) != 1 {
			continue
		}
		name := f[6]
		if strings.HasPrefix(name, `"`) {
			if plain, err := strconv.Unquote(name); err == nil {
				name = plain
			}
		}
		paths[name] = true
	}
	return paths
}
