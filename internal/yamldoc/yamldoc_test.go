package yamldoc

import (
	"errors"
	"strings"
	"testing"
)

// TestRefused holds the exact words and places of what Parse refuses.
func TestRefused(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"anchor", "a: &x 1\n", "f:1:4: anchor &x: write the value where it is used"},
		{"anchor on mapping", "a: &x\n  b: c\n", "f:1:4: anchor &x: write the value where it is used"},
		{"anchor on key", "&x a: b\n", "f:1:1: key: want plain text"},
		{"alias", "a: &x 1\nb: *x\n", "f:1:4: anchor &x: write the value where it is used\nf:2:4: alias *x: write the value itself"},
		{"unknown alias", "a: *x\n", "f:1:4: unknown anchor 'x' referenced"},
		{"tag", "a: !!str 5\n", "f:1:4: tag !!str: leave it out"},
		{"tag on mapping", "!!map {a: b}\n", "f:1:1: tag !!map: leave it out"},
		{"own tag", "a:\n- !env HOME\n", "f:2:3: tag !env: leave it out"},
		{"second document", "a: b\n---\nc: d\n", "f:2:1: a second document: a file holds one"},
		{"second after end", "a: b\n...\nc: d\n", "f:3:1: a second document: a file holds one"},
		{"broken second", "a: b\n---\n[\n", "f:4:1: did not find expected node content"},
		{"directive", "%YAML 1.1\n---\na: yes\n", "f:1:1: a directive: leave it out"},
		{"duplicate", "a: 1\nb: 2\na: 3\n", `f:3:1: duplicate key "a": first in line 1`},
		{"duplicate inside", "x:\n  - {k: 1, \"k\": 2}\n", `f:2:12: duplicate key "k": first in line 2`},
		{"merge", "<<: {a: 1}\n", "f:1:1: merge key <<: write the fields themselves"},
		{"number as key", "a: {1.10: x}\n", "f:1:5: key 1.10: is a number: quote it"},
		{"truth as key", "true: x\n", "f:1:1: key true: is a truth value: quote it"},
		{"list as key", "? [a]\n: b\n", "f:1:3: key: want plain text"},
		{"no value", "a: b\nc:\nd: e\n", "f:2:3: no value: write one, or leave the field out"},
		{"null", "a: [null]\n", "f:1:5: no value: write one, or leave the field out"},
		{"tilde", "a: ~\n", "f:1:4: no value: write one, or leave the field out"},
		{"syntax", "a: [\n", "f:2:1: did not find expected node content"},
		{"syntax at the end", "x: y\né: [", "f:2:5: did not find expected node content"},
		{"tab", "a:\n\tb: c\n", "f:2:1: found character that cannot start any token"},
		{"no UTF-8", "a: b\nc: \xff\n", "f:2:4: not UTF-8"},
		{"UTF-16", "\xff\xfea\x00", "f:1:1: not UTF-8"},
		{"byte order mark", "\ufeffa: b\n", "f:1:1: character U+FEFF: not printable"},
		{"NUL", "a: é\x00\n", "f:1:5: character U+0000: not printable"},
		{"escaped NUL", `a: "\0"`, "f:1:4: character U+0000: not printable"},
		{"escaped NUL in key", `"\0": a`, "f:1:1: character U+0000: not printable"},
		{"terminal escape", "a: \"\\e[1m\"\n", "f:1:4: character U+001B: not printable"},
		{"right to left", "a: x\u202ey\n", "f:1:5: character U+202E: not printable"},
		{"lone CR", "a: b\rc: d\n", "f:1:5: character U+000D: not printable"},
		{"next line", "a: b\u0085c: d\n", "f:1:5: character U+0085: not printable"},
		{"deep", strings.Repeat("[", 34) + strings.Repeat("]", 34), "f:1:34: nested deeper than 32"},
		{"very deep", strings.Repeat("[", 20000), "f:1:10001: exceeded max depth of 10000"},
		{"large", strings.Repeat("#", MaxSize+1), "f:1:1: 262145 bytes: more than 262144"},
		{"long message", "a: !" + strings.Repeat("x", 1000) + " b\n", "f:1:4: tag !" + strings.Repeat("x", 395) + "…"},
	} {
		t.Run(c.name, func(t *testing.T) {
			doc, err := Parse("f", []byte(c.in))
			if doc != nil || err == nil || err.Error() != c.want {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
			if one := new(Error); !errors.As(err, &one) || one.File != "f" || one.Line < 1 || one.Column < 1 {
				t.Errorf("%v holds no *Error with a place", err)
			}
		})
	}
}

// TestAllowed is the positive control: what stands close to the refused.
func TestAllowed(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"plain", "a: yes\n", "yes"},
		{"quoted number", "a: \"1.10\"\n", "1.10"},
		{"octal quoted", "a: '0755'\n", "0755"},
		{"literal", "a: |\n  x\n  y\n", "x\ny\n"},
		{"percent", "a: \"\n%YAML\"\n", " %YAML"},
		{"marker", "---\na: b\n...\n", "b"},
		{"CRLF", "a: b\r\nc: d\r\n", "b"},
		{"comment", "# é\na: b # &x !!str *y\n", "b"},
		{"signs", "a: x&y *z !t\n", "x&y *z !t"},
		{"no newline", "a: b", "b"},
		{"deepest", "a: b\nc: " + strings.Repeat("[", 31) + strings.Repeat("]", 31), "b"},
	} {
		t.Run(c.name, func(t *testing.T) {
			doc, err := Parse("f", []byte(c.in))
			if err != nil {
				t.Fatal(err)
			}
			got := doc.Root().Entries()[0].Value.Text()
			if err := doc.Err(); got != c.want || err != nil {
				t.Errorf("got %q, %v; want %q", got, err, c.want)
			}
		})
	}
}

// TestMistakesBounded: a file full of mistakes costs a short answer.
func TestMistakesBounded(t *testing.T) {
	_, err := Parse("f", []byte(strings.Repeat("- ~\n", 10000)))
	var all Errors
	if !errors.As(err, &all) || len(all) != maxErrors {
		t.Errorf("got %d mistakes, want %d", len(all), maxErrors)
	}
}

func TestEmpty(t *testing.T) {
	for _, in := range []string{"", "\n", "# only a comment\n", "---\n", "...\n"} {
		doc, err := Parse("f", []byte(in))
		if in == "---\n" { // a document whose value is null
			if err == nil || err.Error() != "f:2:1: no value: write one, or leave the field out" {
				t.Errorf("%q: %v", in, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q: %v", in, err)
			continue
		}
		f := doc.Root().Fields("a")
		if doc.Root().Present() || f.Get("a").Present() || f.Need("a").Text() != "" || doc.Err() != nil {
			t.Errorf("%q: not an absent root: %v", in, doc.Err())
		}
	}
}
