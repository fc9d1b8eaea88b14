package fetch

import (
	"strings"
	"testing"
)

func TestParseMirror(t *testing.T) {
	for _, tc := range []struct{ in, want string }{
		{"http://mirror.example/debian", "http://mirror.example/debian"},
		{"http://mirror.example/debian/", "http://mirror.example/debian"},
		{"HTTP://Mirror.Example:80//debian/./x/..//", "http://mirror.example/debian"},
		{"https://mirror.example:443", "https://mirror.example"},
		{"https://mirror.example:80/", "https://mirror.example:80"},
		{"http://mirror.example:/a", "http://mirror.example/a"},
		{"http://[::1]:3142/debian", "http://[::1]:3142/debian"},
		{"http://[2001:DB8::80]/debian", "http://[2001:db8::80]/debian"},
		{"https://me:secret@mirror.example/a%2Fb/%7Ec", "https://me:secret@mirror.example/a%2Fb/%7Ec"},
		{"http://mirror.example/../../x", "http://mirror.example/x"},
		{"file:///srv/mirror/", "file:///srv/mirror"},
		{"file:/srv/my%20mirror", "file:///srv/my%20mirror"},
		{"file://localhost/srv", "file:///srv"},
	} {
		m, err := ParseMirror(tc.in, "x")
		if err != nil || m.Base != tc.want || m.From != "x" {
			t.Errorf("%s: %+v %v, want %s", tc.in, m, err, tc.want)
		}
		if again, err := ParseMirror(m.Base, ""); err != nil || again.Base != m.Base {
			t.Errorf("%s: again %+v %v", m.Base, again, err)
		}
	}
	for _, tc := range []struct{ in, want string }{
		{"", "URL : scheme: want http, https or file"},
		{"mirror.example/debian", "URL mirror.example/debian: scheme: want http, https or file"},
		{"ftp://mirror.example/debian", "URL ftp://mirror.example/debian: scheme: want http, https or file"},
		{"mirror+file:/etc/apt/mirrors", "URL mirror+file:/etc/apt/mirrors: scheme: want http, https or file"},
		{"http:mirror.example", "URL http:mirror.example: want http://, https:// or file:///"},
		{"http:///debian", "URL http:///debian: no host"},
		{"http://:80/debian", "URL http://:80/debian: no host"},
		{"http://mirror.example:x/", "URL: not valid (want http://, https:// or file:///)"},
		{"http://me:secret@mirror.example:x/", "URL: not valid (want http://, https:// or file:///)"},
		{"http://me:secret@mirror.example/?a", "URL http://me:xxxxx@mirror.example/?a: query or fragment: not taken"},
		{"http://mirror.example/#", "URL http://mirror.example/: query or fragment: not taken"},
		{"http://me:secret@mirror.example/a b", "URL: holds a blank, a control character or a backslash"},
		{"http://mirror.example\\@other.example", "URL: holds a blank, a control character or a backslash"},
		{"file://other/srv", "URL file://other/srv: a file has no host"},
		{"file:srv", "URL file:srv: want http://, https:// or file:///"},
		{"file:///", "URL file:///: want a folder below /"},
		{"file://", "URL file:: want an absolute path"},
	} {
		m, err := ParseMirror(tc.in, "x")
		if err == nil {
			t.Errorf("%s: taken as %+v", tc.in, m)
			continue
		}
		wantError(t, err, tc.want)
		if strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: shows a password", err)
		}
	}
	if s := (Mirror{Base: "http://me:secret@mirror.example/x"}).String(); s != "http://me:xxxxx@mirror.example/x" {
		t.Error(s)
	}
}

func TestFileURL(t *testing.T) {
	for _, tc := range []struct{ base, path, want string }{
		{"http://mirror.example", "pool/a", "http://mirror.example/pool/a"},
		{"http://mirror.example/x%2Fy", "pool/a+b~c:d%2e?#é", "http://mirror.example/x%2Fy/pool/a%2Bb~c:d%252e%3F%23%C3%A9"},
		{"file:///srv/m", "pool/a", "file:///srv/m/pool/a"},
	} {
		u, err := parseURL(tc.base)
		if err != nil {
			t.Fatal(err)
		}
		got, err := fileURL(u, tc.path)
		if err != nil || got.String() != tc.want {
			t.Errorf("%s + %s: %v %v, want %s", tc.base, tc.path, got, err, tc.want)
		}
	}
}

// FuzzParseMirror: what is accepted is a URL that is read again as itself, and whose
// files are below it.
func FuzzParseMirror(f *testing.F) {
	for _, s := range []string{"https://mirror.example.org/debian", "http://user:word@x.example:8080/a%20b/", "file:///srv/mirror", "https://[::1]/x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		m, err := ParseMirror(s, "")
		if err != nil {
			return
		}
		again, err := ParseMirror(m.Base, "")
		if err != nil || again.Base != m.Base {
			t.Fatalf("%q became %q, then %q, %v", s, m.Base, again.Base, err)
		}
	})
}
