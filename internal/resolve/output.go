package resolve

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/fuel-infra/pbuild/internal/deb"
	"github.com/fuel-infra/pbuild/internal/event"
	"github.com/fuel-infra/pbuild/recipe"
	"github.com/fuel-infra/pbuild/store/digest"
)

// exact is a package at a version.
type exact struct{ name, version string }

// parsePlan reads what «apt-get -s -qq» prints: a line for each step. An unmet
// is a package that would go.
func parsePlan(out []byte) (install []exact, unmet []Unmet, err error) {
	seen := map[string]bool{}
	for line := range strings.Lines(string(out)) {
		line = strings.TrimSuffix(line, "\n")
		step, rest, _ := strings.Cut(line, " ")
		name, rest, _ := strings.Cut(rest, " ")
		if err := deb.CheckPackage(name); err != nil {
			return nil, nil, fmt.Errorf("apt says %q: %w", cut(line), err)
		}
		switch step {
		case "Conf":
		case "Remv", "Purg":
			unmet = append(unmet, Unmet{name, "would have to be removed"})
		case "Inst":
			// NAME [INSTALLED] (VERSION ORIGIN… [ARCH]) [what is broken meanwhile]
			if strings.HasPrefix(rest, "[") {
				_, rest, _ = strings.Cut(rest, "] ")
			}
			inner, ok := strings.CutPrefix(rest, "(")
			version, _, more := strings.Cut(inner, " ")
			if !ok || !more || seen[name] {
				return nil, nil, fmt.Errorf("apt says %q: not understood", cut(line))
			}
			if err := deb.CheckVersion(version); err != nil {
				return nil, nil, fmt.Errorf("apt says %q: %w", cut(line), err)
			}
			seen[name] = true
			install = append(install, exact{name, version})
		default:
			return nil, nil, fmt.Errorf("apt says %q: not understood", cut(line))
		}
	}
	return install, unmet, nil
}

// parseShow makes of the index entries that «apt-cache show» prints the
// packages, sorted by name. All of wanted must be there, and nothing else.
func parseShow(out []byte, wanted []exact) ([]recipe.Package, error) {
	entries, err := deb.ParseControl(bytes.NewReader(out))
	if err != nil {
		return nil, fmt.Errorf("index: %w", err)
	}
	all := map[exact]recipe.Package{}
	for _, e := range entries {
		p := recipe.Package{
			Name: e.Get("Package"), Version: e.Get("Version"), Arch: e.Get("Architecture"), Path: e.Get("Filename"),
		}
		if p.SHA256, err = digest.ParseHex(e.Get("SHA256")); err != nil {
			return nil, fmt.Errorf("index: %s: SHA256: %w", cut(p.Name), err)
		}
		if p.Size, err = strconv.ParseInt(e.Get("Size"), 10, 64); err != nil {
			return nil, fmt.Errorf("index: %s: Size: %w", cut(p.Name), err)
		}
		key := exact{p.Name, p.Version}
		if !slices.Contains(wanted, key) {
			return nil, fmt.Errorf("index: %s %s: not asked for", cut(p.Name), cut(p.Version))
		}
		if was, ok := all[key]; ok && was != p {
			return nil, fmt.Errorf("index: %s %s: stands twice and differs", p.Name, p.Version)
		}
		all[key] = p
	}
	packages := make([]recipe.Package, 0, len(wanted))
	for _, w := range wanted {
		p, ok := all[w]
		if !ok {
			return nil, fmt.Errorf("index: %s %s: not there", w.name, w.version)
		}
		packages = append(packages, p)
	}
	slices.SortFunc(packages, func(a, b recipe.Package) int { return strings.Compare(a.Name, b.Name) })
	// What a lock could not hold is no answer.
	var list bytes.Buffer
	if err := recipe.WritePackages(&list, packages); err != nil {
		return nil, err
	}
	if _, err := recipe.ParsePackages(&list); err != nil {
		return nil, fmt.Errorf("index: %w", err)
	}
	return packages, nil
}

// source is how apt calls the source package in its working directory.
const source = "builddeps:."

// parseUnmet reads apt's list of unmet dependencies:
//
//	The following packages have unmet dependencies:
//	 builddeps:. : Depends: nosuch but it is not installable
//	               Depends: other (>= 3) but it is not installable or
//	                        another but it is not installable
//	 exim4 : Conflicts: postfix but 3.7 is to be installed
func parseUnmet(out []byte) (all []Unmet) {
	_, list, _ := strings.Cut(string(out), "\nThe following packages have unmet dependencies:\n")
	var subject string
	for line := range strings.Lines(list) {
		indent := len(line) - len(strings.TrimLeft(line, " "))
		if indent == 0 {
			break // apt goes on to other things
		}
		text := event.Plain(line)
		if indent == 1 {
			subject, text, _ = strings.Cut(text, " : ")
			text = strings.TrimLeft(text, " ")
		}
		kind, rest, _ := strings.Cut(text, ": ")
		switch {
		case strings.Contains(kind, " ") || rest == "":
			if len(all) > 0 {
				all[len(all)-1].Why += " " + text // another alternative
			}
		case subject == source:
			name, _, _ := strings.Cut(rest, " ")
			name, _, _ = strings.Cut(name, ":")
			if kind != "Depends" {
				rest = text
			}
			all = append(all, Unmet{name, rest})
		default:
			name, _, _ := strings.Cut(subject, ":")
			all = append(all, Unmet{name, text})
		}
	}
	return all
}

// parseMissing reads what apt says of names that no package of the index has.
func parseMissing(complaints []string) (all []Unmet) {
	for _, line := range complaints {
		name, ok := strings.CutPrefix(line, "Package '")
		name, why, ok2 := strings.Cut(name, "' ")
		if ok && ok2 {
			all = append(all, Unmet{name, why})
		}
	}
	return all
}

// complaints returns the lines in which apt says what is wrong, warnings first.
func complaints(out []byte) []string {
	var errs, warnings []string
	for line := range strings.Lines(string(out)) {
		line = strings.TrimSpace(event.Plain(line))
		if text, ok := strings.CutPrefix(line, "E: "); ok {
			errs = append(errs, text)
		} else if text, ok := strings.CutPrefix(line, "W: "); ok {
			warnings = append(warnings, text)
		}
	}
	const most = 20
	all := append(warnings, errs...)
	return all[:min(len(all), most)]
}

func cut(s string) string {
	const most = 120
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}
