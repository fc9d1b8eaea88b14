package recipe

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/fuel-infra/pbuild/internal/yamldoc"
	"github.com/fuel-infra/pbuild/store/digest"
)

// Scheme is schemes/NAME.yaml: what versions and releases are made of. A template is
// text with variables, written %{NAME}; which there are says Variables.
type Scheme struct {
	Name string
	Deb  map[Origin]Template // empty: debs keep the version of their changelog
	RPM  map[Origin]Template // empty: rpms keep what their spec says
}

// Template is what one kind of source is stamped with.
type Template struct {
	Version string // of a deb the upstream version, without epoch and revision; of an rpm empty: the spec's
	Release string // of a deb the revision
}

// Origin says what a source is to the recipe's own: the commit that its lock names,
// another one, or files of which no commit is known.
type Origin string

// The origins.
const (
	Merged   Origin = "merged"
	Unmerged Origin = "unmerged"
	Folder   Origin = "folder"
)

// origins are all of them, with the variables that each has.
var origins = map[Origin][]string{
	Merged:   {"count", "next", "commit", "short", "branch", "tag", "date", "tree"},
	Unmerged: {"count", "next", "commit", "short", "branch", "tag", "date", "tree"},
	Folder:   {"count", "next", "branch", "tag", "tree"},
}

// Scheme reads schemes/NAME.yaml.
func (c *Collection) Scheme(name string) (*Scheme, error) {
	file, data, err := c.named("scheme", name)
	if err != nil {
		return nil, err
	}
	return parseScheme(c.shown(file), name, data)
}

// templates returns what the scheme says of a format.
func (s *Scheme) templates(f Format) map[Origin]Template {
	switch {
	case s == nil:
		return nil
	case f.Section() == FormatRPM:
		return s.RPM
	}
	return s.Deb
}

func parseScheme(file, name string, data []byte) (*Scheme, error) {
	doc, err := yamldoc.Parse(file, data)
	if err != nil {
		return nil, err
	}
	f, err := beginning(doc, "format", "name", "summary", "deb", "rpm")
	if err != nil {
		return nil, err
	}
	s := &Scheme{
		Name: yamldoc.As(f.Need("name"), parseName),
		Deb:  parseTemplates(f.Get("deb"), FormatDeb), RPM: parseTemplates(f.Get("rpm"), FormatRPM),
	}
	yamldoc.As(f.Need("summary"), parseLine)
	if s.Name != "" && s.Name != name {
		f.Get("name").Errorf("%q: the file says %q", s.Name, name)
	}
	if !f.Get("deb").Present() && !f.Get("rpm").Present() {
		doc.Root().Errorf("deb or rpm: missing: at least one says what is stamped")
	}
	if err := doc.Err(); err != nil {
		return nil, err
	}
	return s, nil
}

func parseTemplates(v yamldoc.Value, f Format) map[Origin]Template {
	out := map[Origin]Template{}
	known := slices.Sorted(maps.Keys(origins))
	names := make([]string, len(known))
	for i, o := range known {
		names[i] = string(o)
	}
	fields := v.Fields(names...)
	fields.Need(string(Merged))
	for _, o := range known {
		one := fields.Get(string(o))
		if !one.Present() {
			continue
		}
		t := one.Fields("version", "release")
		parse := func(own string) func(string) (string, error) {
			return func(s string) (string, error) {
				variables := origins[o]
				if own != "" {
					variables = append(slices.Clip(variables), own)
				}
				return parseTemplate(s, variables)
			}
		}
		tmpl := Template{Release: yamldoc.As(t.Need("release"), parse(""))}
		own := "" // the spec is asked when it is built
		if f == FormatDeb {
			own, tmpl.Version = "version", "%{version}"
		}
		if version := t.Get("version"); version.Present() {
			tmpl.Version = yamldoc.As(version, parse(own))
		}
		out[o] = tmpl
	}
	return out
}

// parseTemplate checks a template: what stands between its variables can be part of
// a version.
func parseTemplate(s string, variables []string) (string, error) {
	text, err := expand(s, func(name string) (string, error) {
		if !slices.Contains(variables, name) {
			return "", fmt.Errorf("%%{%s}: unknown%s", name, yamldoc.Meant(name, variables))
		}
		return "0", nil
	})
	if err == nil && !revisionForm.match(text) {
		err = fmt.Errorf("%q: want a-z A-Z 0-9 . + ~ and variables such as %%{count}", s)
	}
	return s, err
}

// expand replaces the variables of a template.
func expand(s string, value func(name string) (string, error)) (string, error) {
	var out strings.Builder
	for {
		before, rest, found := strings.Cut(s, "%{")
		out.WriteString(before)
		if !found {
			return out.String(), nil
		}
		name, after, closed := strings.Cut(rest, "}")
		if !closed {
			return "", fmt.Errorf("%%{%s: without an end", name)
		}
		v, err := value(name)
		if err != nil {
			return "", err
		}
		out.WriteString(v)
		s = after
	}
}

// Variables are what a template can name.
type Variables struct {
	Own    string        // %{version}: the upstream version of debian/changelog; of a deb only
	Pinned Locked        // what the recipe's own source is locked to: %{count}, %{next} (one more), %{branch}, %{tag} (as a version)
	Commit string        // %{commit}, and its first seven digits, %{short}
	Epoch  int64         // of Commit; %{date} is its day in UTC, e.g. 20150903
	Tree   digest.Digest // %{tree}: its first twelve digits
}

// Expand makes version and release; an empty version is the spec's own.
func (t Template) Expand(v Variables) (version, release string, err error) {
	if version, err = expand(t.Version, v.value); err != nil {
		return "", "", err
	}
	release, err = expand(t.Release, v.value)
	return version, release, err
}

func (v Variables) value(name string) (string, error) {
	missing := func(what string) (string, error) { return "", fmt.Errorf("%%{%s}: %s", name, what) }
	switch name {
	case "version":
		return v.Own, nil
	case "count", "next":
		n := v.Pinned.Count
		if n == 0 {
			return missing("no commit of the recipe's source is locked, whose history could be counted")
		}
		if name == "next" {
			n++
		}
		return strconv.Itoa(n), nil
	case "commit", "short":
		if v.Commit == "" {
			return missing("the source is no commit")
		}
		if name == "short" {
			return v.Commit[:7], nil
		}
		return v.Commit, nil
	case "date":
		return time.Unix(v.Epoch, 0).UTC().Format("20060102"), nil
	case "tree":
		return v.Tree.Hex()[:12], nil
	case "branch":
		if v.Pinned.Kind != RefBranch {
			return missing("the recipe's ref is no branch")
		}
		// What a version can't hold is left out: Debian policy 5.6.12.
		return strings.Map(func(r rune) rune {
			if strings.ContainsRune(alnum+".", r) {
				return r
			}
			return '.'
		}, v.Pinned.Ref), nil
	case "tag":
		version, ok := TagVersion(v.Pinned.Ref)
		if v.Pinned.Kind != RefTag || !ok {
			return missing("the recipe's ref is no tag that names a version")
		}
		return version, nil
	}
	return missing("unknown")
}

// preRelease matches what comes before the number of a release: of pbr's, whose
// fourth part is 0 (1.2.3.0a4), and of PEP 440's (1.2.3rc1).
var preRelease = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^([0-9]+\.[0-9]+\.[0-9]+)\.0((?:a|b|c|rc|alpha|beta|dev)[0-9]+)$|^([0-9]+(?:\.[0-9]+)*)[.~-]?((?:a|b|c|rc|alpha|beta|dev)[0-9]+)$`)
})

// TagVersion returns the version that a tag names: 1.2.3~a4 for 1.2.3.0a4, and
// 1.2.3~rc1 for v1.2.3rc1, so that both sort before 1.2.3. False: it names none.
func TagVersion(tag string) (string, bool) {
	tag = tag[strings.LastIndexByte(tag, '/')+1:]
	first := strings.IndexAny(tag, digits)
	if first < 0 || strings.Trim(tag[:first], letters+"-_") != "" {
		return "", false
	}
	tag = tag[first:]
	if m := preRelease().FindStringSubmatch(tag); m != nil {
		return m[1] + m[3] + "~" + m[2] + m[4], true
	}
	return tag, spelled(tag, digits, digits+".")
}

// Contradicts reports whether the version that a tag names is another one than a spec
// or changelog says. Zeros at the end make no difference: 9.0 is 9.0.0.
func Contradicts(tag, own string) bool {
	version, ok := TagVersion(tag)
	if !ok {
		return false
	}
	if other, ok := TagVersion(own); ok {
		own = other
	}
	return bareVersion(version) != bareVersion(own)
}

// bareVersion drops the zeros at the end of a version's numbers.
func bareVersion(s string) string {
	numbers, rest, _ := strings.Cut(s, "~")
	for strings.HasSuffix(numbers, ".0") {
		numbers = strings.TrimSuffix(numbers, ".0")
	}
	return numbers + "~" + rest
}
