package rpm

import (
	"regexp"
	"slices"
	"strings"
	"sync"
)

// buildTag matches a line of a spec's preamble: a condition around it or none,
// the tag, when it is needed, and the value. It is compiled at first use: most runs
// read no spec.
var buildTag = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?is)^\s*(%\{[!?]+\w+:\s*)?(BuildRequires|BuildPreReq|BuildConflicts)\s*(?:\([^)]*\))?\s*:(.*)$`)
})

// BuildRequires returns what the lines BuildRequires, BuildPreReq and
// BuildConflicts of a spec list, also in parts of %if that do not apply: a
// dependency each, with its comparison and version, as it stands, sorted, each
// once. Conflicts begin with "BuildConflicts: ". Macros are left as they are; a
// line with one around it, as in %{?with_doc:BuildRequires: sphinx}, is not split.
//
// It serves to notice that a spec's build dependencies have changed. What they
// are says rpmspec, which expands macros.
func BuildRequires(spec []byte) []string {
	var all []string
	preamble := true
	var line strings.Builder // a tag's line, with those that its open macros take in
	depth := 0
	for _, next := range lines(spec) {
		switch {
		case depth > 0:
			line.WriteByte('\n')
		case section(next) != "":
			preamble = section(next) == "package"
			continue
		case !preamble || !buildTag().MatchString(next):
			continue
		}
		line.WriteString(next)
		if depth = max(0, depth+strings.Count(next, "{")-strings.Count(next, "}")); depth == 0 {
			all = append(all, buildDependencies(line.String())...)
			line.Reset()
		}
	}
	if depth > 0 {
		all = append(all, buildDependencies(line.String())...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// buildDependencies splits one line.
func buildDependencies(line string) []string {
	m := buildTag().FindStringSubmatch(line)
	if m[1] != "" {
		return []string{strings.TrimSpace(line)}
	}
	before := ""
	if strings.EqualFold(m[2], "BuildConflicts") {
		before = "BuildConflicts: "
	}
	words := splitDependencies(m[3])
	var all []string
	for len(words) > 0 {
		n := 1
		if len(words) > 1 && comparison(words[1]) {
			n = min(3, len(words))
		}
		all = append(all, before+strings.Join(words[:n], " "))
		words = words[n:]
	}
	return all
}

// comparison reports whether a word compares versions, in any of the ways that
// rpm accepts.
func comparison(word string) bool {
	return word != "" && len(word) <= 2 && strings.Trim(word, "<=>") == ""
}

// splitDependencies splits at blanks and commas that stand in no brackets: a macro
// with arguments and a condition in parentheses are one word.
func splitDependencies(s string) []string {
	depth := 0
	return strings.FieldsFunc(s, func(c rune) bool {
		switch c {
		case '{', '(', '[':
			depth++
		case '}', ')', ']':
			depth = max(0, depth-1)
		case ' ', '\t', '\n', ',':
			return depth == 0
		}
		return false
	})
}
