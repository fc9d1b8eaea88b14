package recipe

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestChanges: what was changed is named, with what it was and is; nothing else.
func TestChanges(t *testing.T) {
	const old = "name \"x\"\nbuilder \"b1\"\ndepend \"a\" \"p\" \"q\"\nsource \"main\" \"tree\" \"t1\"\n" +
		"output \"x\"\noutput \"y\"\ndebug \"drop\"\nenv \"A\" \"1\"\nenv \"B\" \"2\"\n"
	for _, tc := range []struct {
		name string
		edit *strings.Replacer
		want []Change
	}{
		{"nothing", strings.NewReplacer(), nil},
		{"a value", strings.NewReplacer("b1", "b2"), []Change{{"builder", []string{"b1"}, []string{"b2"}}}},
		{"a source", strings.NewReplacer(`"tree" "t1"`, `"git" "c" "t1"`), []Change{
			{"source main", []string{"tree", "t1"}, []string{"git", "c", "t1"}},
		}},
		{"mapped to none", strings.NewReplacer(` "p" "q"`, ""), []Change{{"depend a", []string{"p", "q"}, []string{}}}},
		{"one more", strings.NewReplacer("env \"B\"", "env \"AB\" \"3\"\nenv \"B\""), []Change{{"env AB", nil, []string{"3"}}}},
		{"one less, and another field", strings.NewReplacer("env \"A\" \"1\"\n", "", "drop", "keep"), []Change{
			{"debug", []string{"drop"}, []string{"keep"}}, {"env A", []string{"1"}, nil},
		}},
		{"a list", strings.NewReplacer("output \"y\"\n", ""), []Change{{"output", []string{"x", "y"}, []string{"x"}}}},
		{"the order of a list", strings.NewReplacer("output \"x\"\noutput \"y\"", "output \"y\"\noutput \"x\""), []Change{
			{"output", []string{"x", "y"}, []string{"y", "x"}},
		}},
		{"a field of another time", strings.NewReplacer("debug", "bugs"), []Change{
			{"bugs", nil, []string{"drop"}}, {"debug", []string{"drop"}, nil},
		}},
		{"order alone", strings.NewReplacer("name \"x\"\nbuilder \"b1\"\n", "builder \"b1\"\nname \"x\"\n"), []Change{{
			"order",
			[]string{"name", "builder", "depend a", "source main", "output", "debug", "env A", "env B"},
			[]string{"builder", "name", "depend a", "source main", "output", "debug", "env A", "env B"},
		}}},
	} {
		got, err := Changes([]byte(header()+old), []byte(header()+tc.edit.Replace(old)))
		if diff := cmp.Diff(tc.want, got); diff != "" || err != nil {
			t.Errorf("%s: %v\n%s", tc.name, err, diff)
		}
	}
	// Of a time with other rules only that is known.
	got, err := Changes([]byte("pbuild derivation 7\nnobody knows\n"), []byte(header()+old))
	if diff := cmp.Diff([]Change{{"derivation", []string{"7"}, []string{"1"}}}, got); diff != "" || err != nil {
		t.Errorf("another format: %v\n%s", err, diff)
	}
	for _, bad := range []string{"", "derivation\n", "pbuild derivation 07\n", header() + "Name \"x\"\n"} {
		for _, pair := range [][2]string{{bad, header()}, {header(), bad}} {
			if got, err := Changes([]byte(pair[0]), []byte(pair[1])); err == nil {
				t.Errorf("%q: %v", pair, got)
			}
		}
	}
}

// FuzzChanges: texts differ or have no change, and the way back is the way there.
func FuzzChanges(f *testing.F) {
	for _, a := range goldens {
		one, err := os.ReadFile(filepath.Join("testdata/derivations/1", a+".txt"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(one, one)
		f.Add(one, bytes.ReplaceAll(one, []byte("main"), []byte("name")))
		f.Add(one, []byte("pbuild derivation 2\n"))
		f.Add(one, []byte(header()+"env \"A\" \"1\"\nenv \"A\" \"2\"\n"))
	}
	f.Fuzz(func(t *testing.T, a, b []byte) {
		there, err := Changes(a, b)
		back, errBack := Changes(b, a)
		if (err == nil) != (errBack == nil) {
			t.Fatalf("%v, %v", err, errBack)
		}
		if err != nil {
			return
		}
		if bytes.Equal(a, b) != (len(there) == 0) || len(there) != len(back) {
			t.Fatalf("%v, %v", there, back)
		}
		for _, c := range there {
			found := false
			for _, d := range back {
				found = found || cmp.Equal(Change{c.Field, c.New, c.Old}, d)
			}
			if !found {
				t.Errorf("%+v is not in %+v", c, back)
			}
		}
	})
}
