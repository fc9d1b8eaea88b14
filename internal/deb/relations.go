package deb

import (
	"errors"
	"fmt"
	"strings"
)

// Limits of a dependency field; the longest of Debian 12's Build-Depends has
// some 400 relations.
const (
	maxRelationText = 1 << 20
	maxRelations    = 4096
	maxAlternatives = 64
	maxRestrictions = 64 // architectures, or profiles, of one dependency
)

// Relations is a dependency field such as Build-Depends (Debian policy 7.1):
// all of them must hold.
type Relations []Relation

// Relation holds when one of its alternatives does.
type Relation []Dependency

// Dependency names a package and says when that counts.
type Dependency struct {
	Name      string // a valid package name
	Qualifier string // after a colon: "any", "native" or an architecture; empty: none
	Op        string // "<<", "<=", "=", ">=", ">>"; empty: any version
	Version   string // a valid version; empty where Op is
	// Arches restricts to architectures or, where the first begins with "!",
	// to all others; each of them has the mark or none does.
	Arches []string // e.g. "amd64", "linux-any"; "!i386"
	// Profiles are the lists in angle brackets, of which one must hold; of a list
	// each term must (policy 7.1 and the build profile specification).
	Profiles [][]string // e.g. {{"!nocheck", "!cross"}, {"stage1"}}
}

// ParseRelations reads a dependency field. A comma at the end and line breaks
// are taken, as they are usual in debian/control. Refused are the operators < and
// > (policy: must not be used), substitution variables, and what is beyond the
// limits (ErrLimit). String of the result is the canonical form.
func ParseRelations(s string) (Relations, error) {
	if len(s) > maxRelationText {
		return nil, fmt.Errorf("relations: %w: more than %d bytes", ErrLimit, maxRelationText)
	}
	var all Relations
	parts := strings.Split(s, ",")
	for i, part := range parts {
		if i == len(parts)-1 && blank(part) {
			break
		}
		if len(all) == maxRelations {
			return nil, fmt.Errorf("relations: %w: more than %d", ErrLimit, maxRelations)
		}
		r, err := parseRelation(part)
		if err != nil {
			return nil, fmt.Errorf("relation %q: %w", short(strings.Trim(part, blanks)), err)
		}
		all = append(all, r)
	}
	return all, nil
}

const blanks = " \t\r\n"

func blank(s string) bool { return strings.Trim(s, blanks) == "" }

func parseRelation(s string) (Relation, error) {
	var r Relation
	for part := range strings.SplitSeq(s, "|") {
		if len(r) == maxAlternatives {
			return nil, fmt.Errorf("%w: more than %d alternatives", ErrLimit, maxAlternatives)
		}
		d, err := parseDependency(part)
		if err != nil {
			return nil, err
		}
		r = append(r, d)
	}
	return r, nil
}

// parseDependency reads NAME[:QUALIFIER] [(OP VERSION)] [[ARCH…]] [<PROFILE…>…],
// in this order.
func parseDependency(s string) (Dependency, error) {
	var d Dependency
	word, rest := cutWord(s)
	if word == "" {
		return d, errors.New("a name is missing")
	}
	name, qualifier, qualified := strings.Cut(word, ":")
	if err := CheckPackage(name); err != nil {
		return d, err
	}
	if d.Name = name; qualified {
		if err := CheckArch(qualifier); err != nil {
			return d, err
		}
		d.Qualifier = qualifier
	}
	if inner, after, ok, err := cutBrackets(rest, '(', ')'); err != nil {
		return d, err
	} else if ok {
		rest = after
		if d.Op, d.Version, err = parseRestriction(inner); err != nil {
			return d, err
		}
	}
	if inner, after, ok, err := cutBrackets(rest, '[', ']'); err != nil {
		return d, err
	} else if ok {
		rest = after
		if d.Arches, err = parseArches(inner); err != nil {
			return d, err
		}
	}
	for {
		inner, after, ok, err := cutBrackets(rest, '<', '>')
		if err != nil {
			return d, err
		}
		if !ok {
			break
		}
		rest = after
		terms, err := parseProfiles(inner)
		if err != nil {
			return d, err
		}
		if d.Profiles = append(d.Profiles, terms); len(d.Profiles) > maxRestrictions {
			return d, fmt.Errorf("%w: more than %d lists of profiles", ErrLimit, maxRestrictions)
		}
	}
	if rest != "" {
		return d, fmt.Errorf("%q: not expected here", short(rest))
	}
	return d, nil
}

// cutWord returns what stands before the first blank or bracket, and the rest
// without blanks around it.
func cutWord(s string) (word, rest string) {
	s = strings.Trim(s, blanks)
	if i := strings.IndexAny(s, blanks+"([<"); i >= 0 {
		return s[:i], strings.Trim(s[i:], blanks)
	}
	return s, ""
}

// cutBrackets returns what stands between the brackets that s begins with, and
// what follows; ok is false where it does not begin with one.
func cutBrackets(s string, begin, end byte) (inner, rest string, ok bool, err error) {
	if s == "" || s[0] != begin {
		return "", s, false, nil
	}
	i := strings.IndexByte(s, end)
	if i < 0 {
		return "", "", false, fmt.Errorf("%c without %c", begin, end)
	}
	inner = strings.Trim(s[1:i], blanks)
	if inner == "" {
		return "", "", false, fmt.Errorf("nothing between %c and %c", begin, end)
	}
	return inner, strings.Trim(s[i+1:], blanks), true, nil
}

func parseRestriction(s string) (op, version string, err error) {
	op = s[:len(s)-len(strings.TrimLeft(s, "<>="))]
	switch op {
	case "<<", "<=", "=", ">=", ">>":
	default:
		return "", "", fmt.Errorf("(%s): want one of << <= = >= >> before the version", short(s))
	}
	version = strings.Trim(s[len(op):], blanks)
	return op, version, CheckVersion(version)
}

func parseArches(s string) ([]string, error) {
	words := strings.Fields(s)
	if len(words) > maxRestrictions {
		return nil, fmt.Errorf("%w: more than %d architectures", ErrLimit, maxRestrictions)
	}
	for _, w := range words {
		name, not := strings.CutPrefix(w, "!")
		if err := CheckArch(name); err != nil {
			return nil, err
		}
		if not != strings.HasPrefix(words[0], "!") {
			return nil, fmt.Errorf("[%s]: some are negated and others not", short(s))
		}
	}
	return words, nil
}

func parseProfiles(s string) ([]string, error) {
	words := strings.Fields(s)
	if len(words) > maxRestrictions {
		return nil, fmt.Errorf("%w: more than %d profiles", ErrLimit, maxRestrictions)
	}
	for _, w := range words {
		name := strings.TrimPrefix(w, "!")
		// The registry has letters, digits and dashes, and dots in pkg.SOURCE.NAME.
		if len(name) > 200 || !only(name, lowerDigits+"+-.") || !only(name[:1], lowerDigits) {
			return nil, fmt.Errorf("profile %q: want a-z 0-9 . + -", short(w))
		}
	}
	return words, nil
}

// String returns the field in one line, which ParseRelations reads to the same.
func (r Relations) String() string {
	parts := make([]string, len(r))
	for i, one := range r {
		parts[i] = one.String()
	}
	return strings.Join(parts, ", ")
}

// String returns the relation: "debhelper (>= 9) | dh-systemd".
func (r Relation) String() string {
	parts := make([]string, len(r))
	for i, d := range r {
		parts[i] = d.String()
	}
	return strings.Join(parts, " | ")
}

// String returns the dependency: "libc6-dev:any (>= 2.36) [!i386] <!nocheck>".
func (d Dependency) String() string {
	var b strings.Builder
	b.WriteString(d.Name)
	if d.Qualifier != "" {
		b.WriteString(":" + d.Qualifier)
	}
	if d.Op != "" {
		b.WriteString(" (" + d.Op + " " + d.Version + ")")
	}
	if len(d.Arches) > 0 {
		b.WriteString(" [" + strings.Join(d.Arches, " ") + "]")
	}
	for _, p := range d.Profiles {
		b.WriteString(" <" + strings.Join(p, " ") + ">")
	}
	return b.String()
}
