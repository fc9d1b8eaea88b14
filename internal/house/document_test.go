package house

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// root is the repository, seen from this package.
const root = "../../"

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(root + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// table returns the rows of the Markdown table whose header is this; cells are
// trimmed.
func table(t *testing.T, text string, header ...string) [][]string {
	t.Helper()
	var rows [][]string
	in := false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		inner, ok := strings.CutPrefix(strings.TrimSuffix(line, "|"), "|")
		if !ok {
			in = false
			continue
		}
		cells := strings.Split(inner, "|")
		for i, c := range cells {
			cells[i] = strings.TrimSpace(c)
		}
		switch {
		case slices.Equal(cells, header):
			in = true
		case in && !strings.HasPrefix(cells[0], "---"):
			if len(cells) != len(header) {
				t.Fatalf("row %q: %d cells, want %d", line, len(cells), len(header))
			}
			rows = append(rows, cells)
		}
	}
	if len(rows) == 0 {
		t.Fatalf("no table with the header %q", header)
	}
	return rows
}

var quoted = regexp.MustCompile("`([^`]+)`")

// names returns what stands between backquotes in a cell.
func names(cell string) (out []string) {
	for _, m := range quoted.FindAllStringSubmatch(cell, -1) {
		out = append(out, m[1])
	}
	return out
}

// blocks returns the fenced blocks of a Markdown text that are in this language.
func blocks(text, language string) (out []string) {
	fence := regexp.MustCompile("(?ms)^```" + language + "\n(.*?)^```$")
	for _, m := range fence.FindAllStringSubmatch(text, -1) {
		out = append(out, m[1])
	}
	return out
}
