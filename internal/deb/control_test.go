package deb_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fuel-infra/pbuild/internal/deb"
)

const controlText = `# a comment

Source: hello
Build-Depends: debhelper-compat (= 13),
# inside of a field
               dh-python
Description:
 Nothing on the first line
 .
	a tab

 	
Package: hello-é
Empty:
x-Lower: a: b
`

func TestParseControl(t *testing.T) {
	got, err := deb.ParseControl(strings.NewReader(controlText))
	if err != nil {
		t.Fatal(err)
	}
	want := []deb.Paragraph{
		{
			{Name: "Source", Value: "hello", Line: 3},
			{Name: "Build-Depends", Value: "debhelper-compat (= 13),\n               dh-python", Line: 4},
			{Name: "Description", Value: "\n Nothing on the first line\n .\n\ta tab", Line: 7},
		},
		{
			{Name: "Package", Value: "hello-é", Line: 13},
			{Name: "Empty", Value: "", Line: 14},
			{Name: "x-Lower", Value: "a: b", Line: 15},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatal(diff)
	}
	if s := got[0].String(); s != "Source: hello\nBuild-Depends: debhelper-compat (= 13),\n               dh-python\nDescription:\n Nothing on the first line\n .\n\ta tab\n" {
		t.Errorf("%q", s)
	}
	p := got[1]
	if v := p.Get("X-LOWER"); v != "a: b" {
		t.Errorf("%q", v)
	}
	if f, ok := p.Lookup("empty"); !ok || f.Line != 14 {
		t.Error(f, ok)
	}
	if f, ok := p.Lookup("none"); ok || p.Get("none") != "" {
		t.Error(f, ok)
	}
}

func TestParseControlEdges(t *testing.T) {
	for _, in := range []string{"", "\n\n", "# only a comment", " \t\n"} {
		if got, err := deb.ParseControl(strings.NewReader(in)); err != nil || got != nil {
			t.Errorf("%q: %v, %v", in, got, err)
		}
	}
	got, err := deb.ParseControl(strings.NewReader("A: 1\r\n  2 \r\nB: 3")) // no newline at the end
	if err != nil || len(got) != 1 || got[0].Get("A") != "1\n  2" || got[0].Get("B") != "3" {
		t.Error(got, err)
	}
	long := "A: " + strings.Repeat("x", 1<<20-100)
	if got, err := deb.ParseControl(strings.NewReader(long)); err != nil || len(got[0].Get("A")) != 1<<20-100 {
		t.Error(err)
	}
}

func TestParseControlRefuses(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"continues nothing", "\n\n x\n", "control: line 3: continues no field"},
		{"no colon", "A: 1\nB\n", `control: line 2: want «Field: value», got "B"`},
		{"no name", ": 1\n", `control: line 1: want «Field: value»`},
		{"blank in a name", "A B: 1\n", `control: line 1: want «Field: value»`},
		{"dash first", "-A: 1\n", `control: line 1: want «Field: value»`},
		{"twice", "A: 1\nB: 2\na: 3\n", "control: line 3: field a stands twice"},
		{"zero", "A: \x00\n", "control: line 1: a zero byte"},
		{"terminal codes", "A: 1\n\x1b[2J\n", `control: line 2: want «Field: value», got "\x1b[2J"`},
		{"long line", "A: " + strings.Repeat("x", 1<<20), "control: line 1: over the limit: line of more than 1048576 bytes"},
		{"many fields", manyFields(), "control: line 1001: over the limit: 1000 fields"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := deb.ParseControl(strings.NewReader(c.in))
			if err == nil || !strings.HasPrefix(err.Error(), c.want) || got != nil {
				t.Fatalf("%v, want %q", err, c.want)
			}
		})
	}
	_, err := deb.ParseControl(io.MultiReader(strings.NewReader("A: 1\n"), &endless{}))
	if !errors.Is(err, deb.ErrLimit) || !strings.Contains(err.Error(), "text of more than 268435456 bytes") {
		t.Error(err)
	}
	_, err = deb.ParseControl(io.MultiReader(strings.NewReader("A: 1\n"), broken{}))
	if !errors.Is(err, io.ErrClosedPipe) {
		t.Error(err)
	}
}

func manyFields() string {
	var b strings.Builder
	for i := range 1001 {
		b.WriteString("F" + strings.Repeat("x", i) + ": 1\n")
	}
	return b.String()
}

// endless is comments without an end: they take no memory, so only the limit stops them.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = '#'
		if i%1000 == 999 {
			p[i] = '\n'
		}
	}
	p[len(p)-1] = '\n'
	return len(p), nil
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrClosedPipe }

func FuzzParseControl(f *testing.F) {
	f.Add(controlText)
	f.Add("A: 1\n\n\nB:\n x\n")
	f.Add("A: 1\r\n  2 \r\n#\n \n")
	f.Fuzz(func(t *testing.T, in string) {
		pars, err := deb.ParseControl(strings.NewReader(in))
		if err != nil {
			return
		}
		var out []string
		for _, p := range pars {
			out = append(out, p.String())
		}
		again, err := deb.ParseControl(strings.NewReader(strings.Join(out, "\n")))
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range append(pars, again...) {
			for i := range p {
				p[i].Line = 0
			}
		}
		if diff := cmp.Diff(pars, again); diff != "" {
			t.Fatal(diff)
		}
	})
}

func BenchmarkParseControl(b *testing.B) {
	text := strings.Repeat(controlText+"\n", 20_000)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := deb.ParseControl(strings.NewReader(text)); err != nil {
			b.Fatal(err)
		}
	}
}
