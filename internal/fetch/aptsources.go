package fetch

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// maxSources bounds a file of apt sources, in bytes.
const maxSources = 1 << 20

// HostMirrors reads the apt sources of the system below root, usually "/":
// etc/apt/sources.list, then etc/apt/sources.list.d/*.list and *.sources in the
// order of their names (sources.list(5)). Candidates are the entries of type deb
// with component main for the suite by its codename or as stable, oldstable or
// oldoldstable; what the alias means is found out when a mirror is first needed.
//
// All else is left out, with the reason in Skipped: other suites (security and
// updates drop superseded files), other types, disabled entries, and URIs that
// are neither http, https nor file (cdrom, mirror+file, tor+http). What can't be
// read or parsed is left out too: apt itself says what is wrong with it. The
// error is that of reading the folder.
func HostMirrors(root, suite string) (Mirrors, error) {
	m := Mirrors{Suite: suite}
	dir := os.DirFS(filepath.Join(root, "etc/apt"))
	files := []string{"sources.list"}
	parts, err := fs.ReadDir(dir, "sources.list.d")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Mirrors{}, fmt.Errorf("/etc/apt/sources.list.d: %w", bare(err))
	}
	for _, p := range parts {
		if ext := path.Ext(p.Name()); sourcesName(p.Name()) && (ext == ".list" || ext == ".sources") {
			files = append(files, "sources.list.d/"+p.Name())
		}
	}
	for _, name := range files {
		at := "/etc/apt/" + name
		text, err := readSources(dir, name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		var entries []entry
		if err == nil {
			entries, err = parseSources(name, text)
		}
		if err != nil {
			m.Skipped = append(m.Skipped, Skipped{From: at, Why: bare(err).Error()})
		}
		for _, e := range entries {
			m.take(e, fmt.Sprintf("%s:%d", at, e.line))
		}
	}
	return m, nil
}

// readSources reads a file of sources; apt follows links here, and so do we.
func readSources(dir fs.FS, name string) (string, error) {
	info, err := fs.Stat(dir, name)
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() || info.Size() > maxSources {
		return "", fmt.Errorf("not a regular file of at most %d bytes", maxSources)
	}
	b, err := fs.ReadFile(dir, name)
	return string(b), err
}

// sourcesName reports whether apt reads a file of this name: letters, digits,
// underscore, hyphen and period.
func sourcesName(name string) bool {
	return !strings.HasPrefix(name, ".") && !strings.ContainsFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("_-.", r)
	})
}

// entry is one apt source.
type entry struct {
	line                            int    // from 1
	wrong                           string // why it can't be read; then nothing else is set
	disabled                        bool
	types, uris, suites, components []string
}

// take adds the candidates of e, or the reason why there are none.
func (m *Mirrors) take(e entry, from string) {
	skip := func(what, why string) { m.Skipped = append(m.Skipped, Skipped{from, what, why}) }
	switch {
	case e.wrong != "":
		skip("", e.wrong)
		return
	case e.disabled:
		skip("", "disabled")
		return
	case !slices.Contains(e.types, "deb"):
		skip(strings.Join(e.types, " "), "type: want deb")
		return
	}
	var suites []string
	for _, s := range e.suites {
		if s == m.Suite || s == "stable" || s == "oldstable" || s == "oldoldstable" {
			suites = append(suites, s)
		}
	}
	switch {
	case len(suites) == 0:
		skip(strings.Join(e.suites, " "), "suite: not "+m.Suite)
		return
	case !slices.Contains(e.components, "main"):
		skip(strings.Join(e.components, " "), "component: want main")
		return
	}
	for _, uri := range e.uris {
		if scheme, _, ok := strings.Cut(uri, ":"); ok && !slices.Contains(schemes(), strings.ToLower(scheme)) {
			skip(scheme+":", "scheme: want http, https or file")
			continue
		}
		mirror, err := ParseMirror(uri, from)
		if err != nil {
			skip("", err.Error())
			continue
		}
		mirror.Suites = suites
		same := func(o Mirror) bool { return o.Base == mirror.Base }
		if i := slices.IndexFunc(m.Host, same); i >= 0 {
			m.Host[i].Suites = compact(slices.Concat(m.Host[i].Suites, suites))
			continue
		}
		m.Host = append(m.Host, mirror)
	}
}
