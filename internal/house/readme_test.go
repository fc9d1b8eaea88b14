package house

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// commands returns the lines of a shell text without blank lines and comments;
// a comment after a command begins with two blanks.
func commands(text string) (out []string) {
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "  #")
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			out = append(out, line)
		}
	}
	return out
}

// TestReadmeCommands: .ci/run runs the commands of README.md, all of them, in
// their order, and calls nothing else by that name.
func TestReadmeCommands(t *testing.T) {
	want := commands(strings.Join(blocks(read(t, "README.md"), "sh"), ""))
	if len(want) < 2 || want[0] != "go run ./cmd/pbuild realize hello" || want[1] != "go test ./..." {
		t.Fatalf("README.md: commands %q: want the two first", want)
	}
	ci := read(t, ".ci/run")
	list := regexp.MustCompile(`(?ms)^readme=\(\n(.*?)^\)$`).FindAllStringSubmatch(ci, -1)
	if len(list) != 1 {
		t.Fatalf(".ci/run: %d lists readme=(…), want one", len(list))
	}
	var got []string
	for _, line := range commands(list[0][1]) {
		command := strings.Trim(line, "'")
		if line != "'"+command+"'" || strings.Contains(command, "'") {
			t.Fatalf(".ci/run: readme: %s: want one command in single quotes", line)
		}
		got = append(got, command)
	}
	if !slices.Equal(got, want) {
		t.Errorf(".ci/run runs\n%s\nREADME.md says\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for _, use := range []string{`for command in "${readme[@]}"`, "story user\n", "story root\n"} {
		if strings.Count(ci, use) != 1 {
			t.Errorf(".ci/run: want %q once", use)
		}
	}
}

// TestReadmeFiles: what README.md shows of a file is the file.
func TestReadmeFiles(t *testing.T) {
	shown := 0
	for _, block := range blocks(read(t, "README.md"), "yaml") {
		first, rest, _ := strings.Cut(block, "\n")
		name, ok := strings.CutPrefix(first, "# ")
		if !ok {
			t.Errorf("README.md: a block begins with %q: want the file's name as a comment", first)
			continue
		}
		file := read(t, name)
		if line, body, ok := strings.Cut(file, "\n"); ok && strings.HasPrefix(line, "# yaml-language-server:") {
			file = body
		}
		if shown++; rest != file {
			t.Errorf("README.md shows another %s", name)
		}
	}
	if shown == 0 {
		t.Error("README.md shows no recipe")
	}
}

// TestReadmeGo: README.md names the version that go.mod wants.
func TestReadmeGo(t *testing.T) {
	m := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(read(t, "go.mod"))
	if m == nil || !strings.Contains(read(t, "README.md"), "Go "+m[1]+" or newer") {
		t.Errorf("README.md does not say «Go N or newer» as go.mod wants: %q", m)
	}
}

// TestReadmeFigures: the table that .ci/figures prints is there, with figures.
func TestReadmeFigures(t *testing.T) {
	var want []string
	for _, m := range regexp.MustCompile(`(?m)^row ["']([^"']+)`).FindAllStringSubmatch(read(t, ".ci/figures"), -1) {
		want = append(want, m[1])
	}
	rows := regexp.MustCompile(`(?m)^\| .* \| .*\d.* \| .*\d.* \|$`).FindAllString(read(t, "README.md"), -1)
	if len(want) == 0 || len(rows) != len(want) {
		t.Errorf("README.md has %d figures, .ci/figures prints %d", len(rows), len(want))
	}
}
