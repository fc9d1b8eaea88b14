package deb

import (
	"archive/tar"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/fuel-infra/pbuild/internal/tree"
	"github.com/fuel-infra/pbuild/store/digest"
)

// The text that an output digest covers, fields parted by tabs:
//
//	pbuild output 1
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
// Modes are octal with four digits; each string that is not printable ASCII, is
// empty, or begins with a quote, is quoted as Go quotes, to ASCII. No time is
// in it, and neither is the order or the compression of the archives.
const outputHead = "pbuild output 1\n"

// OutputDigest returns the digest of what the package installs: relations and
// other control fields, scripts, paths, modes, owners, contents and links, but
// no times. Two builds that agree in it are the same for all that depends on
// them; see the text's form in this file.
func (d *Deb) OutputDigest() (digest.Digest, error) {
	text, err := d.OutputText()
	return digest.Of(text), err
}

// OutputText returns the text that OutputDigest covers.
func (d *Deb) OutputText() ([]byte, error) {
	b := []byte(outputHead)
	fields := make(map[string]string)
	for _, f := range d.control {
		fields[strings.ToLower(f.Name)] = f.Value
	}
	delete(fields, "installed-size")
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		b = appendLine(b, "field", name, fields[name])
	}
	for _, name := range d.memberNames() {
		m := d.members[name]
		b = appendLine(b, "member", fmt.Sprintf("%04o", m.mode), digest.Of(m.data).Hex(), name)
	}
	entries, err := d.outputEntries()
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		f := []string{
			string(rune(e.Kind)), fmt.Sprintf("%04o", e.Mode), strconv.Itoa(e.UID), strconv.Itoa(e.GID),
			e.user, e.group, e.Path,
		}
		switch e.Kind {
		case tree.File:
			f = append(f, strconv.FormatInt(e.Size, 10), e.Digest.Hex())
		case tree.Symlink, tree.HardLink:
			f = append(f, e.Link)
		case tree.CharDev, tree.BlockDev:
			f = append(f, strconv.FormatUint(uint64(e.Major), 10), strconv.FormatUint(uint64(e.Minor), 10))
		}
		for _, k := range slices.Sorted(maps.Keys(e.Xattrs)) {
			f = append(f, k, e.Xattrs[k])
		}
		b = appendLine(b, f...)
	}
	return b, nil
}

// ownedEntry is an entry with the names of its owners.
type ownedEntry struct {
	tree.Entry
	user, group string
}

// outputEntries returns the entries of data.tar in the text's order, hard links
// turned to the first path.
func (d *Deb) outputEntries() ([]ownedEntry, error) {
	var all []ownedEntry
	first := make(map[string]string) // path that carries bytes in the archive → first path in order
	err := d.scan(func(e tree.Entry, h *tar.Header) {
		if e.Path == "." {
			return
		}
		all = append(all, ownedEntry{e, h.Uname, h.Gname})
		if e.Kind == tree.HardLink {
			if first[e.Link] == "" {
				first[e.Link] = e.Link
			}
			first[e.Link] = min(first[e.Link], e.Path)
		}
	})
	if err != nil {
		return nil, err
	}
	carriers := make(map[string]ownedEntry)
	for _, e := range all {
		if e.Kind == tree.File && first[e.Path] != "" {
			carriers[e.Path] = e
		}
	}
	for i, e := range all {
		from := e.Link
		if e.Kind == tree.File {
			from = e.Path
		}
		carrier, linked := carriers[from]
		if !linked || e.Kind != tree.File && e.Kind != tree.HardLink {
			continue
		}
		all[i] = carrier // owners' names too: all links are one file
		all[i].Path = e.Path
		if to := first[from]; e.Path != to {
			all[i].Kind, all[i].Link, all[i].Size = tree.HardLink, to, 0
			all[i].Digest, all[i].Xattrs = digest.Digest{}, nil
		}
	}
	slices.SortFunc(all, func(a, b ownedEntry) int { return strings.Compare(a.Path, b.Path) })
	return all, nil
}

// appendLine appends fields as one line.
func appendLine(b []byte, fields ...string) []byte {
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

// OutputPaths returns the paths, relative and without a slash at the end, that
// an output text lists. Lines that are not of its form are passed over.
func OutputPaths(text []byte) map[string]bool {
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
