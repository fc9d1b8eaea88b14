package yamldoc

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func parse(t *testing.T, in string) *Doc {
	t.Helper()
	doc, err := Parse("f", []byte(in))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// TestMistakes reads with each method what it does not take.
func TestMistakes(t *testing.T) {
	for _, c := range []struct {
		name, in string
		read     func(Value)
		want     string
	}{
		{"text: float", "1.10", func(v Value) { v.Text() }, "f:1:4: a: 1.10 is a number: quote it"},
		{"text: octal", "0755", func(v Value) { v.Text() }, "f:1:4: a: 0755 is a number: quote it"},
		{"text: truth", "true", func(v Value) { v.Text() }, "f:1:4: a: true is a truth value: quote it"},
		{"text: time", "2026-11-01", func(v Value) { v.Text() }, "f:1:4: a: 2026-11-01 is a time: quote it"},
		{"text: list", "[x]", func(v Value) { v.Text() }, "f:1:4: a: want text, have a list"},
		{"text: mapping", "{x: y}", func(v Value) { v.Text() }, "f:1:4: a: want text, have a mapping"},
		{"bool: yes", "yes", func(v Value) { v.Bool() }, `f:1:4: a: want true or false, have "yes"`},
		{"bool: capital", "True", func(v Value) { v.Bool() }, `f:1:4: a: want true or false, have "True"`},
		{"bool: quoted", `"true"`, func(v Value) { v.Bool() }, `f:1:4: a: want true or false, have "true"`},
		{"bool: list", `[true]`, func(v Value) { v.Bool() }, `f:1:4: a: want true or false, have a list`},
		{"int: quoted", `"1"`, func(v Value) { v.Int(0, 9) }, `f:1:4: a: want a decimal number, have "1"`},
		{"int: octal", `07`, func(v Value) { v.Int(0, 9) }, `f:1:4: a: want a decimal number, have "07"`},
		{"int: plus", `+7`, func(v Value) { v.Int(0, 9) }, `f:1:4: a: want a decimal number, have "+7"`},
		{"int: underscore", `1_0`, func(v Value) { v.Int(0, 90) }, `f:1:4: a: want a decimal number, have "1_0"`},
		{"int: huge", `99999999999999999999`, func(v Value) { v.Int(0, 9) }, `f:1:4: a: want a decimal number, have "99999999999999999999"`},
		{"int: high", `10`, func(v Value) { v.Int(0, 9) }, `f:1:4: a: 10: want 0 to 9`},
		{"int: low", `-1`, func(v Value) { v.Int(0, 9) }, `f:1:4: a: -1: want 0 to 9`},
		{"list: text", `x`, func(v Value) { v.List() }, `f:1:4: a: want a list, have text`},
		{"list: element", `[x, 1]`, func(v Value) { v.List()[1].Text() }, `f:1:8: a[1]: 1 is a number: quote it`},
		{"fields: list", `[x]`, func(v Value) { v.Fields("k") }, `f:1:4: a: want a mapping, have a list`},
		{"fields: missing", `{}`, func(v Value) { v.Fields("k").Need("k") }, `f:1:4: a.k: missing`},
		{"fields: near", `{packges: x}`, func(v Value) { v.Fields("package", "packages", "path") }, `f:1:5: a: unknown field "packges": did you mean packages or package?`},
		{"fields: far", `{zzz: x}`, func(v Value) { v.Fields("one", "two") }, `f:1:5: a: unknown field "zzz": known are one, two`},
		{"fields: inside", `{k: {l: 1}}`, func(v Value) { v.Fields("k").Get("k").Fields("l").Get("l").Text() }, `f:1:12: a.k.l: 1 is a number: quote it`},
		{"one: none", `{}`, func(v Value) { v.Fields("k", "l").One("k", "l") }, "f:1:4: a: want k or l"},
		{"one: both", `{k: 1, l: 2}`, func(v Value) { v.Fields("k", "l").One("k", "l") }, "f:1:4: a: has k and l: want one of them"},
		{"one: unknown", `{m: 1}`, func(v Value) { v.Fields("k", "l").One("k", "l") }, `f:1:5: a: unknown field "m": known are k, l`},
		{"one: text", `k`, func(v Value) { v.Fields("k", "l").One("k", "l") }, "f:1:4: a: want a mapping, have text"},
		{"one of", `kep`, func(v Value) { v.OneOf("keep", "drop") }, `f:1:4: a: unknown value "kep": did you mean keep?`},
		{"as", `x`, func(v Value) { As(v, func(s string) (int, error) { return 1, fmt.Errorf("%s: bad", s) }) }, `f:1:4: a: x: bad`},
		{"two", `[1, 2]`, func(v Value) { v.List()[1].Text(); v.List()[0].Text() }, "f:1:5: a[0]: 1 is a number: quote it\nf:1:8: a[1]: 2 is a number: quote it"},
	} {
		t.Run(c.name, func(t *testing.T) {
			doc := parse(t, "a: "+c.in)
			c.read(doc.Root().Fields("a").Need("a"))
			if err := doc.Err(); err == nil || err.Error() != c.want {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

// TestRead reads with each method what it takes, present and absent.
func TestRead(t *testing.T) {
	doc := parse(t, `
text: a b
no: no
bool: true
int: 42
list: [x, "1"]
map: {z: "26", a: "1"}
`)
	f := doc.Root().Fields("text", "no", "bool", "int", "list", "map", "absent")
	type all struct {
		Text, No, One string
		Bool          bool
		Int           int64
		List, Map     []string
		As            int
	}
	read := func(text, no, boolean, integer, list, mapping Value) (a all) {
		a = all{Text: text.Text(), No: no.Text(), One: no.OneOf("yes", "no"), Bool: boolean.Bool(), Int: integer.Int(1, 42)}
		for _, e := range list.List() {
			a.List = append(a.List, e.Text())
		}
		for _, e := range mapping.Entries() {
			a.Map = append(a.Map, e.Key.Text(), e.Value.Text())
		}
		a.As = As(text, func(s string) (int, error) { return len(s), nil })
		return a
	}
	got := read(f.Need("text"), f.Get("no"), f.Get("bool"), f.Get("int"), f.Get("list"), f.Get("map"))
	want := all{"a b", "no", "no", true, 42, []string{"x", "1"}, []string{"z", "26", "a", "1"}, 3}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if name, v := f.Get("map").Fields("z", "a", "b").One("b", "z"); name != "z" || v.Text() != "26" {
		t.Errorf("one: %q %v", name, v)
	}
	none := f.Get("absent")
	if name, v := none.Fields("z").One("z"); name != "" || v.Present() {
		t.Errorf("one of an absent mapping: %q", name)
	}
	if d := cmp.Diff(all{}, read(none, none, none, none, none, none)); d != "" {
		t.Error(d)
	}
	if none.Present() || none.Fields("x").Need("x").Present() || !f.Get("no").Present() {
		t.Error("presence")
	}
	if err := doc.Err(); err != nil {
		t.Error(err)
	}
	if p := f.Get("int").Position(); p != (Position{"f", 5, 6}) {
		t.Errorf("position %v", p)
	}
}

// TestWrapped: a mistake keeps the error that it was made of.
func TestWrapped(t *testing.T) {
	doc := parse(t, "a: x\nb: y\n")
	f := doc.Root().Fields("a", "b")
	As(f.Get("a"), func(string) (int, error) { return 0, fs.ErrNotExist })
	if err := doc.Err(); !errors.Is(err, fs.ErrNotExist) || err.Error() != "f:1:4: a: file does not exist" {
		t.Errorf("one: %v", err)
	}
	f.Get("b").Errorf("later: %w", fs.ErrPermission)
	if err := doc.Err(); !errors.Is(err, fs.ErrNotExist) || !errors.Is(err, fs.ErrPermission) {
		t.Errorf("two: %v", err)
	}
	if err := f.Get("b").Position().Errorf("why: %w", fs.ErrClosed); !errors.Is(err, fs.ErrClosed) || err.Error() != "f:2:4: why: file already closed" {
		t.Errorf("position: %v", err)
	}
}
