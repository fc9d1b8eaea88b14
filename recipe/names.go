package recipe

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

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
