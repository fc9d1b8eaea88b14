package fetch

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/fuel-infra/pbuild/internal/deb"
)

// parseSources reads a file of apt sources in the format that its name tells.
func parseSources(name, text string) ([]entry, error) {
	if strings.HasSuffix(name, ".sources") {
		return parseStanzas(text)
	}
	return parseLines(text), nil
}

// parseStanzas reads the deb822 format of sources.list(5).
func parseStanzas(text string) ([]entry, error) {
	stanzas, err := deb.ParseControl(strings.NewReader(text))
	if err != nil {
		return nil, err
	}
	out := make([]entry, len(stanzas))
	for i, s := range stanzas {
		words := func(field string) []string { return strings.Fields(s.Get(field)) }
		enabled := strings.ToLower(strings.TrimSpace(s.Get("Enabled")))
		out[i] = entry{
			line:       s[0].Line,
			disabled:   slices.Contains([]string{"no", "false", "without", "off", "disable", "0"}, enabled),
			types:      words("Types"),
			uris:       words("URIs"),
			suites:     words("Suites"),
			components: words("Components"),
		}
	}
	return out, nil
}

// parseLines reads the one-line format of sources.list(5).
func parseLines(text string) []entry {
	var out []entry
	for i, line := range strings.Split(text, "\n") {
		words, err := split(line)
		if err == nil && len(words) == 0 {
			continue
		}
		if len(words) > 1 && strings.HasPrefix(words[1], "[") && strings.HasSuffix(words[1], "]") {
			words = slices.Delete(words, 1, 2) // options
		}
		if err == nil && len(words) < 3 {
			err = errors.New("want type, URI and suite")
		}
		if err != nil {
			out = append(out, entry{line: i + 1, wrong: err.Error()})
			continue
		}
		out = append(out, entry{
			line:       i + 1,
			types:      words[:1:1],
			uris:       words[1:2:2],
			suites:     words[2:3:3],
			components: words[3:],
		})
	}
	return out
}

// split returns the words of a line. Blanks within brackets (options, the label
// of a cdrom) and double quotes part no words; the quotes are dropped. A # begins
// a comment, but within brackets and quotes.
func split(line string) ([]string, error) {
	var words []string
	var word strings.Builder
	var end rune // the closing bracket or quote that is awaited
	begun := false
	flush := func() {
		if begun {
			words = append(words, word.String())
		}
		word.Reset()
		begun = false
	}
scan:
	for _, r := range line {
		switch {
		case end != 0 && r == end:
			end = 0
			if r == ']' {
				word.WriteRune(r)
			}
		case end != 0:
			word.WriteRune(r)
		case r == '#':
			break scan
		case r == ' ' || r == '\t' || r == '\r':
			flush()
		case r == '"':
			begun, end = true, '"'
		default:
			begun = true
			if r == '[' {
				end = ']'
			}
			word.WriteRune(r)
		}
	}
	if end != 0 {
		return nil, fmt.Errorf("no closing %q", end)
	}
	flush()
	return words, nil
}
