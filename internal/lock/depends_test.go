package lock

import "testing"

// TestLineOf: the line of a dependency is the one that names it, and not one that
// names another thing with its name in it.
func TestLineOf(t *testing.T) {
	const control = "Source: python-foo\n" +
		"# Build-Depends: foo\n" +
		"Build-Depends: libfoo-dev, foo-tools,\n" +
		" foo:native (>= 1) | bar[amd64],\n" +
		" baz<!nocheck>,qux(= 1),\n" +
		" c++-tool, gst0.10\n"
	const spec = "Name: foo\n" +
		"BuildRequires: perl(Foo::Bar::More) perl(Foo)\n" +
		"BuildRequires: perl(Foo::Bar)>=2, /usr/bin/bar,config(x)\n" +
		"BuildRequires:bare\n"
	for _, tc := range []struct {
		text, name string
		want       int
	}{
		{control, "libfoo-dev", 3},
		{control, "foo-tools", 3},
		{control, "foo", 4},
		{control, "bar", 4},
		{control, "baz", 5},
		{control, "qux", 5},
		{control, "c++-tool", 6},
		{control, "gst0.10", 6},
		{control, "gst0", 0},
		{control, "tool", 0},
		{control, "dev", 0},
		{control, "", 0},
		{spec, "perl(Foo)", 2},
		{spec, "perl(Foo::Bar::More)", 2},
		{spec, "perl(Foo::Bar)", 3},
		{spec, "/usr/bin/bar", 3},
		{spec, "config(x)", 3},
		{spec, "bare", 4},
		{spec, "absent", 0},
		{"", "foo", 0},
	} {
		if got := lineOf([]byte(tc.text), tc.name); got != tc.want {
			t.Errorf("%q: line %d, want %d", tc.name, got, tc.want)
		}
	}
}

// TestUnknownDependency: the error says where, as far as that is known.
func TestUnknownDependency(t *testing.T) {
	for want, e := range map[string]UnknownDependencyError{
		"debian/control:3: foo: not there": {"debian/control", 3, "foo", "not there"},
		"x.spec: foo: not there":           {"x.spec", 0, "foo", "not there"},
	} {
		if got := e.Error(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
