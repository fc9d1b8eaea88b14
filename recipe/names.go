package recipe

import (
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"
)

// Format is a package format.
type Format string

// The formats: of packages, and of the source packages that they could be built from.
const (
	FormatDeb  Format = "deb"
	FormatRPM  Format = "rpm"
	FormatDsc  Format = "dsc"  // a .dsc with the files that it names (dsc(5))
	FormatSRPM Format = "srpm" // a .src.rpm
)

// ParseFormat reads a format.
func ParseFormat(s string) (Format, error) {
	switch f := Format(s); f {
	case FormatDeb, FormatRPM, FormatDsc, FormatSRPM:
		return f, nil
	}
	return "", fmt.Errorf("format %q: want deb or rpm, or dsc or srpm for source packages", s)
}

// Section returns the format whose section of a recipe says how f is made: deb or
// rpm.
func (f Format) Section() Format {
	switch f {
	case FormatDsc:
		return FormatDeb
	case FormatSRPM:
		return FormatRPM
	}
	return f
}

// Source returns the format of the source packages of f.
func (f Format) Source() Format {
	if f.Section() == FormatRPM {
		return FormatSRPM
	}
	return FormatDsc
}

// IsSource reports whether f is one of source packages.
func (f Format) IsSource() bool { return f != f.Section() }

// Arch is an architecture that is built for, by its Debian name.
type Arch string

// AMD64 is the architecture that the committed builders are locked for.
const AMD64 Arch = "amd64"

// ParseArch reads an architecture that builders are locked for.
func ParseArch(s string) (Arch, error) {
	if s == string(AMD64) {
		return AMD64, nil
	}
	return "", fmt.Errorf("architecture %q: want amd64", s)
}

// form is what a kind of name looks like. To compile the expressions that a run asks
// takes longer than to read its recipes, so that the simple ones are spelled out.
type form struct {
	text  string // a regular expression, as the JSON schema has it
	match func(string) bool
}

var (
	nameForm     = form{`^[a-z0-9]+([.-][a-z0-9]+)*$`, func(s string) bool { return eachPart(s, ".-", small, small) }}
	packageForm  = form{`^[a-z0-9][a-z0-9+.-]+$`, func(s string) bool { return len(s) > 1 && spelled(s, small, small+"+.-") }}
	envForm      = form{`^[A-Za-z_][A-Za-z0-9_]*$`, func(s string) bool { return spelled(s, letters+"_", alnum+"_") }}
	modeForm     = form{`^0[0-7]{3}$`, func(s string) bool { return len(s) == 4 && spelled(s, "0", "01234567") }}
	macroForm    = form{`^[A-Za-z_][A-Za-z0-9_]{2,}$`, func(s string) bool { return len(s) > 2 && spelled(s, letters+"_", alnum+"_") }}
	rpmNameForm  = form{`^[A-Za-z0-9_][A-Za-z0-9._+-]*$`, func(s string) bool { return spelled(s, alnum+"_", alnum+"._+-") }}
	licenseForm  = form{`^[A-Za-z0-9.+:() -]+$`, func(s string) bool { return spelled(s, alnum+".+:() -", alnum+".+:() -") }}
	upstreamForm = form{`^[0-9][A-Za-z0-9.+~:-]*$`, func(s string) bool { return spelled(s, digits, alnum+".+~:-") }}
	revisionForm = form{`^[A-Za-z0-9.+~]+$`, func(s string) bool { return spelled(s, alnum+".+~", alnum+".+~") }}
	partForm     = form{`^[A-Za-z][A-Za-z0-9._-]*$`, func(s string) bool { return spelled(s, letters, alnum+"._-") }}
	tarballForm  = form{`^[A-Za-z0-9_][A-Za-z0-9._+-]*\.tar\.gz$`, func(s string) bool {
		s, ok := strings.CutSuffix(s, ".tar.gz")
		return ok && spelled(s, alnum+"_", alnum+"._+-")
	}}
	commitForm = form{`^([0-9a-f]{40}|[0-9a-f]{64})$`, func(s string) bool {
		return (len(s) == 40 || len(s) == 64) && spelled(s, digits+"abcdef", digits+"abcdef")
	}}
	refForm = form{`^[A-Za-z0-9][A-Za-z0-9._+-]*(/[A-Za-z0-9][A-Za-z0-9._+-]*)*$`, func(s string) bool {
		return eachPart(s, "/", alnum, alnum+"._+-")
	}}
	poolForm = form{`^pool(/[A-Za-z0-9+~_][A-Za-z0-9.+~_-]*)+$`, func(s string) bool {
		rest, ok := strings.CutPrefix(s, "pool/")
		return ok && eachPart(rest, "/", alnum+"+~_", alnum+".+~_-")
	}}
	gitForm = compiled(`^(https?|git|ssh)://([A-Za-z0-9_-]+@)?[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?(/[A-Za-z0-9~_][A-Za-z0-9.~_+-]*)+/?$`)
)

const (
	digits  = "0123456789"
	small   = "abcdefghijklmnopqrstuvwxyz" + digits
	letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	alnum   = letters + digits
)

// spelled reports whether s begins with a byte of one set and goes on with those of
// another.
func spelled(s, first, rest string) bool {
	for i := range len(s) {
		set := rest
		if i == 0 {
			set = first
		}
		if strings.IndexByte(set, s[i]) < 0 {
			return false
		}
	}
	return s != ""
}

// eachPart reports whether the parts of s between bytes of separators are spelled.
func eachPart(s, separators, first, rest string) bool {
	for {
		i := strings.IndexAny(s, separators)
		if i < 0 {
			return spelled(s, first, rest)
		}
		if !spelled(s[:i], first, rest) {
			return false
		}
		s = s[i+1:]
	}
}

// compiled is a form that has to be compiled, when it is first asked.
func compiled(text string) form {
	re := sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })
	return form{text, func(s string) bool { return re().MatchString(s) }}
}

// reservedFolders are folders of a collection that hold no recipe.
var reservedFolders = []string{"builders", "profiles", "schemes", "targets"}

// parseName checks the name of a recipe or builder. It stands as a folder, in
// an OCI reference and in a registry's repository name, so it is the part that
// these three have in common.
func parseName(s string) (string, error) {
	if len(s) > 64 || !nameForm.match(s) {
		return "", fmt.Errorf("name %q: want lower case letters and digits, joined by single . or -, at most 64", s)
	}
	for _, r := range reservedFolders {
		if s == r {
			return "", fmt.Errorf("name %q: is a folder of the collection", s)
		}
	}
	return s, nil
}

// parseVariedName checks the name of a recipe, or of a variant: RECIPE+VARIANT.
func parseVariedName(s string) (string, error) {
	folder, variant, varied := strings.Cut(s, "+")
	_, err := parseName(folder)
	if varied && err == nil {
		_, err = parseName(variant)
	}
	return s, err
}

// parsePackage checks a package name: Debian policy 5.6.1 and 5.6.7.
func parsePackage(s string) (string, error) {
	if len(s) > 128 || !packageForm.match(s) {
		return "", fmt.Errorf("package name %q: want two or more of a-z 0-9 + - . beginning with a letter or digit", s)
	}
	return s, nil
}

// parseOutput checks the name of a package that a recipe says it makes.
func parseOutput(s string) (string, error) {
	if strings.HasSuffix(s, "-dbgsym") {
		return "", fmt.Errorf("%q: is made by debug: keep: leave it out", s)
	}
	return parsePackage(s)
}

// parseVersion checks a version: Debian policy 5.6.12, as strict as dpkg.
func parseVersion(s string) (string, error) {
	rest := s
	if epoch, after, ok := strings.Cut(s, ":"); ok {
		if n, err := strconv.ParseInt(epoch, 10, 32); err != nil || strconv.FormatInt(n, 10) != epoch || n < 0 {
			return "", fmt.Errorf("version %q: the part before the first colon is no number", s)
		}
		rest = after
	}
	upstream := rest
	if i := strings.LastIndexByte(rest, '-'); i >= 0 {
		upstream = rest[:i]
		if !revisionForm.match(rest[i+1:]) {
			return "", fmt.Errorf("version %q: want a-z A-Z 0-9 . + ~ after the last hyphen", s)
		}
	}
	if len(s) > 128 || !upstreamForm.match(upstream) {
		return "", fmt.Errorf("version %q: want a digit, then a-z A-Z 0-9 . + ~ -", s)
	}
	return s, nil
}

// withoutEpoch returns a valid version as file names carry it.
func withoutEpoch(version string) string {
	if _, after, ok := strings.Cut(version, ":"); ok {
		return after
	}
	return version
}

// parseInside checks a path inside a source or a recipe's folder.
func parseInside(s string) (string, error) {
	switch {
	case strings.HasPrefix(s, "/"):
		return "", fmt.Errorf("path %q: is absolute: want one inside", s)
	case s == ".." || strings.HasPrefix(path.Clean(s), "../"):
		return "", fmt.Errorf("path %q: leads outside", s)
	case s == "." || !fs.ValidPath(s) || len(s) > 1024 || strings.ContainsFunc(s, unicode.IsControl):
		return "", fmt.Errorf("path %q: want names joined by single slashes, no . or .. among them", s)
	}
	return s, nil
}

// parseInstalled checks the path of a file that a package installs.
func parseInstalled(s string) (string, error) {
	if !strings.HasPrefix(s, "/") || s == "/" || path.Clean(s) != s || len(s) > 1024 || strings.ContainsFunc(s, unicode.IsControl) {
		return "", fmt.Errorf("path %q: want an absolute path without . and .. and doubled slashes", s)
	}
	return s, nil
}

// builderLinks are the first names of paths that builders have as links into
// /usr: a file put there would take the link's place.
var builderLinks = []string{"bin", "lib", "lib32", "lib64", "libx32", "sbin"}

// sandboxPlaces are what a sandbox mounts over.
var sandboxPlaces = []string{"build", "dev", "proc", "run", "sys", "tmp"}

// parsePlace checks where files: puts a file.
func parsePlace(s string) (string, error) {
	if _, err := parseInstalled(s); err != nil {
		return "", err
	}
	first, rest, _ := strings.Cut(s[1:], "/")
	switch {
	case slices.Contains(builderLinks, first):
		return "", fmt.Errorf("path %q: /%s is a link: want /usr%s", s, first, s)
	case rest == "" || slices.Contains(sandboxPlaces, first):
		return "", fmt.Errorf("path %q: want a file of the system, such as /usr/bin/x; files of the build belong to home", s)
	}
	return s, nil
}

// parseTarget checks where a symbolic link leads; it is read inside the
// sandbox.
func parseTarget(s string) (string, error) {
	if s == "" || len(s) > 1024 || strings.ContainsFunc(s, unicode.IsControl) {
		return "", fmt.Errorf("link %q: want a path", s)
	}
	return s, nil
}

// parseSpec checks the path of a spec file.
func parseSpec(s string) (string, error) {
	if !strings.HasSuffix(s, ".spec") {
		return "", fmt.Errorf("path %q: want one that ends in .spec", s)
	}
	return parseInside(s)
}

// parseRPMName checks the name of an rpm package, as strict as rpmbuild.
func parseRPMName(s string) (string, error) {
	switch {
	case len(s) > 128 || !rpmNameForm.match(s) || strings.Contains(s, ".."):
		return "", fmt.Errorf("package name %q: want letters, digits and . _ + - beginning with a letter, a digit or _", s)
	case strings.HasSuffix(s, "-debuginfo"), strings.HasSuffix(s, "-debugsource"):
		return "", fmt.Errorf("%q: is made by debug: keep: leave it out", s)
	}
	return s, nil
}

// parsePart checks the name of a folder in a pack.
func parsePart(s string) (string, error) {
	if len(s) > 64 || !partForm.match(s) {
		return "", fmt.Errorf("name %q: want a letter, then letters, digits and . _ -, at most 64", s)
	}
	return s, nil
}

// parseTarball checks the name of a file that is made of a source.
func parseTarball(s string) (string, error) {
	if len(s) > 128 || !tarballForm.match(s) {
		return "", fmt.Errorf("file %q: want NAME.tar.gz of letters, digits and . _ + -", s)
	}
	return s, nil
}

// parseMacro checks the body of a macro: one line, which rpm expands.
func parseMacro(s string) (string, error) {
	if s == "" || len(s) > 4096 || strings.ContainsFunc(s, unicode.IsControl) {
		return "", fmt.Errorf("want one line of 1 to 4096 bytes")
	}
	return s, nil
}

// parseGitURL checks where a git repository is. The forms that name a file, a
// program or an option are not among them, and no password.
func parseGitURL(s string) (string, error) {
	if len(s) > 512 || !gitForm.match(s) || strings.Contains(s, "/../") || strings.HasSuffix(s, "/..") {
		return "", fmt.Errorf("URL %q: want https://, http://, ssh:// or git:// with a host and a path", ShownURL(s))
	}
	return s, nil
}

// ShownURL returns a URL, or text that holds one, for an error: without what may be
// a password.
func ShownURL(s string) string {
	before, rest, ok := strings.Cut(s, "://")
	if !ok {
		return s
	}
	where, _, _ := strings.Cut(rest, "/")
	_, port, _ := strings.Cut(where, ":")
	end := strings.LastIndexByte(where, '@')
	if end < 0 && strings.Trim(port, "0123456789") != "" {
		end = strings.LastIndexByte(rest, '@') // a password with a slash in it
	}
	if end < 0 {
		return s
	}
	return before + "://…" + rest[end:]
}

// parseRef checks a commit, a branch or a tag (git-check-ref-format(1), and
// nothing that a command line could take for an option or a range).
func parseRef(s string) (string, error) {
	if len(s) > 200 || !refForm.match(s) || strings.Contains(s, "..") || strings.HasSuffix(s, ".") ||
		strings.HasSuffix(s, ".lock") || strings.Contains(s, ".lock/") {
		return "", fmt.Errorf("ref %q: want a commit, a branch or a tag", s)
	}
	return s, nil
}

// parseCommit checks a full commit id, SHA-1 or SHA-256.
func parseCommit(s string) (string, error) {
	if !commitForm.match(s) {
		return "", fmt.Errorf("commit %q: want 40 or 64 lower case hexadecimal digits", s)
	}
	return s, nil
}

// IsCommit reports whether a ref is a full commit id.
func IsCommit(ref string) bool { return commitForm.match(ref) }

// parseMode checks the permissions of a file: four octal digits, without
// setuid, setgid and sticky bits.
func parseMode(s string) (string, error) {
	if !modeForm.match(s) {
		return "", fmt.Errorf("%q: want a mode such as \"0755\"", s)
	}
	return s, nil
}

// parsePool checks the path of a file below a Debian mirror's root. The bytes
// allowed need no escape in a URL.
func parsePool(s string) (string, error) {
	if len(s) > 512 || !poolForm.match(s) {
		return "", fmt.Errorf("path %q: want pool/… of a-z A-Z 0-9 . + ~ _ -", s)
	}
	return s, nil
}

// parseLine checks a text for people of one line.
func parseLine(s string) (string, error) {
	if strings.TrimSpace(s) == "" || strings.ContainsFunc(s, unicode.IsControl) || len(s) > 200 {
		return "", fmt.Errorf("want one line of 1 to 200 bytes")
	}
	return s, nil
}

// parseLicense checks the letters of an SPDX license expression (SPDX 2.3,
// annex D); whether the licenses exist is a linter's matter.
func parseLicense(s string) (string, error) {
	if !licenseForm.match(s) {
		return "", fmt.Errorf("license %q: want an SPDX expression such as GPL-2.0-or-later", s)
	}
	return s, nil
}
