package deb

import (
	"archive/tar"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/fuel-infra/pbuild/internal/output"
	"github.com/fuel-infra/pbuild/internal/tree"
	"github.com/fuel-infra/pbuild/store/digest"
)

// OutputDigest returns the digest of what the package installs: relations and
// other control fields, scripts, paths, modes, owners, contents and links, but
// no times. Two builds that agree in it are the same for all that depends on
// them; package output has the text's form.
func (d *Deb) OutputDigest() (digest.Digest, error) {
	text, err := d.OutputText()
	return digest.Of(text), err
}

// OutputText returns the text that OutputDigest covers.
func (d *Deb) OutputText() ([]byte, error) {
	b := []byte(output.Head)
	fields := make(map[string]string)
	for _, f := range d.control {
		fields[strings.ToLower(f.Name)] = f.Value
	}
	delete(fields, "installed-size")
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		b = output.AppendLine(b, "field", name, fields[name])
	}
	for _, name := range d.memberNames() {
		m := d.members[name]
		b = output.AppendLine(b, "member", fmt.Sprintf("%04o", m.mode), digest.Of(m.data).Hex(), name)
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
		b = output.AppendLine(b, f...)
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
