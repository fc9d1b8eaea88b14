package recipe

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
)

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
	if !eachPart(tag, ".", digits, digits) {
		return "", false
	}
	return tag, true
}

// Contradicts reports whether the version that a tag names is another one than a spec
// or changelog says. Zeros at the end make no difference, 9.0 is 9.0.0, and neither does
// what follows a + there; a spec may leave out that it is one before the release.
func Contradicts(tag, own string) bool {
	version, ok := TagVersion(tag)
	if !ok {
		return false
	}
	own, _, _ = strings.Cut(own, "+")
	if other, ok := TagVersion(own); ok {
		own = other
	}
	if !strings.Contains(own, "~") {
		version, _, _ = strings.Cut(version, "~")
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

// TagError says that a tag names another version than the spec or the changelog.
type TagError struct {
	Tag, Own string
	File     string // which says Own
}

func (e *TagError) Error() string {
	return fmt.Sprintf("tag %s contradicts %s, which says version %s", e.Tag, e.File, e.Own)
}
