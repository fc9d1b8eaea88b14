package recipe

import "testing"

func TestTagVersion(t *testing.T) {
	for tag, want := range map[string]string{
		"1.2.3.0a4": "1.2.3~a4", "1.2.3rc1": "1.2.3~rc1", // those of the requirements
		"1.2.3": "1.2.3", "9.0": "9.0", "9": "9", "2015.1.0": "2015.1.0", "1.2.3.0": "1.2.3.0",
		"v1.2.3": "1.2.3", "V1.2": "1.2", "release-9.0": "9.0", "fuel_9.0": "9.0", "release/v1.2.3rc1": "1.2.3~rc1", "debian/9.0": "9.0", "a/b/1": "1",
		"1.2.3.0b1": "1.2.3~b1", "1.2.3.0rc2": "1.2.3~rc2", "1.2.3.dev7": "1.2.3~dev7", "1.2.3.0dev7": "1.2.3~dev7",
		"1.2.0a1": "1.2.0~a1", "1.0a1": "1.0~a1", "9.0-rc1": "9.0~rc1", "9.0.rc1": "9.0~rc1", "9.0alpha2": "9.0~alpha2", "9.0-beta10": "9.0~beta10", "1c2": "1~c2",
		"": "", "latest": "", "v": "", "/": "", "1.2/": "", "1.2-1": "", "1.2.3-beta": "", "1.2rc": "", "1.2.3rc1.dev4": "", "1.2.3.post1": "", "1..2": "", "1.2.": "",
		"1.2.3+x": "", "1.2-rc1-2": "", "rc1-1.2": "", "é1.2": "", "1.2\n": "", "5a0893726aaffdf223c5c4387e6b39d46355a822": "",
	} {
		got, ok := TagVersion(tag)
		if got != want || ok != (want != "") {
			t.Errorf("%q: %q, %v, want %q", tag, got, ok, want)
		}
	}
}

func TestContradicts(t *testing.T) {
	for _, c := range []struct {
		tag, own string
		want     bool
	}{
		{"9.0", "9.0.0", false},
		{"9.1", "9.0.0", true},
		{"9.0.0", "9.0", false},
		{"v9.0", "9.0.0", false},
		{"9", "9.0.0", false},
		{"10.0", "1.0", true},
		{"10.0", "10", false},
		{"9.0", "9.0.1", true},
		{"9.0", "90", true},
		{"9.0", "9.0.0+git1", false}, // a snapshot of it
		{"9.1", "9.0.0+git1", true},
		{"1.2.3rc1", "1.2.3~rc1", false},
		{"1.2.3rc1", "1.2.3rc1", false},
		{"1.2.3.0a4", "1.2.3.0a4", false},
		{"1.2.3rc1", "1.2.3", false}, // a spec that says what comes
		{"1.2.3rc1", "1.2.4", true},
		{"1.2.3rc1", "1.2.3~rc2", true},
		{"1.2.3", "1.2.3~rc1", true},
		{"latest", "9.0.0", false}, // a tag that names no version says nothing
	} {
		if got := Contradicts(c.tag, c.own); got != c.want {
			t.Errorf("tag %s, own %s: %v", c.tag, c.own, got)
		}
	}
}

// FuzzTagVersion: what a tag names can be the upstream version of a package, and is no
// contradiction to itself.
func FuzzTagVersion(f *testing.F) {
	for _, s := range []string{"9.0", "v1.2.3", "1.2.3.0a4", "1.2.3rc1", "release/v1.0", "9.0-beta10", "latest", "1..2", "1.2.", "é1", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, tag string) {
		version, ok := TagVersion(tag)
		if !ok {
			if version != "" {
				t.Errorf("%q: %q, and names none", tag, version)
			}
			return
		}
		if !upstreamForm.match(version) || !revisionForm.match(version) {
			t.Errorf("%q: %q is no version", tag, version)
		}
		if Contradicts(tag, version) {
			t.Errorf("%q contradicts its own %q", tag, version)
		}
	})
}
