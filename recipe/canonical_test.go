package recipe

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestQuote(t *testing.T) {
	for in, want := range map[string]string{
		"":                        `""`,
		"a b":                     `"a b"`,
		`"\`:                      `"\"\\"`,
		"\n\t\x00\x7f\x1f":        `"\n\x09\x00\x7f\x1f"`,
		"é\u202e\u00a0\U0010ffff": "\"é\u202e\u00a0\U0010ffff\"",
		"\xff\xc3":                `"\xff\xc3"`,
		"\ufffd":                  "\"\ufffd\"",
		"$(id) %{x} 'y'":          `"$(id) %{x} 'y'"`,
	} {
		var b bytes.Buffer
		quote(&b, in)
		if b.String() != want {
			t.Errorf("%q: %s, want %s", in, b.String(), want)
		}
	}
}

// TestPrintParse: what is printed is read back, whatever the values.
func TestPrintParse(t *testing.T) {
	value := rapid.OneOf(rapid.String(), rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }))
	rapid.Check(t, func(t *rapid.T) {
		var fields []Field
		for range rapid.IntRange(0, 4).Draw(t, "n") {
			fields = append(fields, Field{
				Name:   rapid.StringMatching(`[a-z]{1,8}`).Draw(t, "name"),
				Values: rapid.SliceOfN(value, 1, 3).Draw(t, "values"),
			})
		}
		got, err := ParseDerivation(printFields(fields))
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(fields, got); d != "" {
			t.Fatal(d)
		}
	})
}

func TestParseDerivationRefuses(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"", `derivation: line 1: "": want "pbuild derivation 1"`},
		{"pbuild derivation 1", `derivation: line 1: "pbuild derivation 1": want "pbuild derivation 1"`},
		{"pbuild derivation 2\nname \"x\"\n", `derivation: line 1: "pbuild derivation 2": want "pbuild derivation 1"`},
		{"name", "derivation: line 2: ends without a newline"},
		{"\n", `derivation: line 2: field "": want lower case letters`},
		{"Name \"x\"\n", `derivation: line 2: field "Name": want lower case letters`},
		{"name\n", "derivation: line 2: field name: want a quoted value"},
		{"name \n", "derivation: line 2: field name: want a quoted value"},
		{"name x\n", "derivation: line 2: field name: want a quoted value"},
		{"name  \"x\"\n", "derivation: line 2: field name: want a quoted value"},
		{"name \"x\n", "derivation: line 2: field name: value without an end"},
		{"name \"x\" \n", "derivation: line 2: field name: want a quoted value"},
		{"name \"x\"\"y\"\n", "derivation: line 2: field name: want a space between values"},
		{"name \"\\t\"\n", "derivation: line 2: field name: unknown escape"},
		{"name \"\\x4\"\n", "derivation: line 2: field name: unknown escape \"\\\\x4\\\"\""},
		{"name \"\\x41\"\n", `derivation: line 2: field name: value "\x41": not quoted by the rule`},
		{"name \"\\xFF\"\n", `derivation: line 2: field name: unknown escape "\\xFF"`},
		{"name \"\t\"\n", "derivation: line 2: field name: value \"\t\": not quoted by the rule"},
		{"name \"\xff\"\n", "derivation: line 2: field name: value \"\xff\": not quoted by the rule"},
		{"name \"\\xc3\\xa9\"\n", `derivation: line 2: field name: value "\xc3\xa9": not quoted by the rule`},
		{"name \"x\"\nepoch 1\n", "derivation: line 3: field epoch: want a quoted value"},
	} {
		in := c.in
		if !strings.HasPrefix(in, "pbuild") && in != "" {
			in = header() + in
		}
		fields, err := ParseDerivation([]byte(in))
		says(t, err, c.want)
		if fields != nil {
			t.Errorf("%q: fields nevertheless", c.in)
		}
	}
	_, err := ParseDerivation(make([]byte, maxText+1))
	says(t, err, "derivation: 1048577 bytes: more than 1048576")
}
