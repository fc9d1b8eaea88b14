package git

import (
	"strings"
	"testing"
)

func TestCheckURL(t *testing.T) {
	t.Parallel()
	for raw, host := range map[string]string{
		"https://opendev.org/openstack/fuel-agent":  "opendev.org:443",
		"https://opendev.org/openstack/fuel-agent/": "opendev.org:443",
		"http://127.0.0.1:8080/a_b-c.d~e+f,g=h@i:j": "127.0.0.1:8080",
		"git://[2001:db8::1]/x":                     "[2001:db8::1]:9418",
		"ssh://git@host.example:29418/a/b%20c/%7Ed": "host.example:29418",

		"ssh://h/~me/x":                  "h:22",
		"https://git_host/x":             "git_host:443",
		"https://a.example/x/..y/-z/...": "a.example:443",
	} {
		a, err := parseURL(raw)
		if err != nil || a.host != host || a.raw != raw {
			t.Errorf("%s: %+v %v", raw, a, err)
		}
	}
	const schemes = "want https://, http://, git:// or ssh://"
	const path = "path: want names of A-Z a-z 0-9 . _ ~ + , = : @ % - between slashes"
	for raw, want := range map[string]string{
		"":                                       `URL "": ` + schemes,
		"/srv/x":                                 "URL /srv/x: " + schemes,
		"../x":                                   "URL ../x: " + schemes,
		"file:///srv/x":                          "URL file:///srv/x: " + schemes,
		"HTTPS://a/x":                            "URL HTTPS://a/x: " + schemes,
		"ftp://a/x":                              "URL ftp://a/x: " + schemes,
		"ext::sh -c touch% x":                    `URL "ext::sh -c touch% x": ` + schemes,
		"ext::https://a/x":                       "URL ext::https://a/x: " + schemes,
		"--upload-pack=touch":                    "URL --upload-pack=touch: " + schemes,
		"git@host:path":                          "URL …@host:path: " + schemes,
		"git+ssh://a/x":                          "URL git+ssh://a/x: " + schemes,
		"https://me:secret@a/x":                  "URL https://…@a/x: user or password: not taken",
		"https://secret@a/x":                     "URL https://…@a/x: user or password: not taken",
		"ssh://me:secret@a/x":                    "URL ssh://…@a/x: user or password: not taken",
		"git://secret@a/x":                       "URL git://…@a/x: user or password: not taken",
		"https://me:secret/x@a/x":                "URL https://…@a/x: host: not valid",
		"ssh://-oProxyCommand=x/x":               "URL ssh://-oProxyCommand=x/x: host: not valid",
		"ssh://-l@a/x":                           "URL ssh://…@a/x: user or password: not taken",
		"ssh://a:-p/x":                           "URL ssh://a:-p/x: host: not valid",
		"https:///x":                             "URL https:///x: host: not valid",
		"https://a:0/x":                          "URL https://a:0/x: port: not valid",
		"https://a:65536/x":                      "URL https://a:65536/x: port: not valid",
		"https://a":                              "URL https://a: " + path,
		"https://a/":                             "URL https://a/: " + path,
		"https://a//x":                           "URL https://a//x: " + path,
		"https://a/x?y":                          "URL https://a/x?y: " + path,
		"https://a/x#y":                          "URL https://a/x#y: " + path,
		"https://a/x y":                          `URL "https://a/x y": ` + path,
		"https://a/x\n":                          `URL "https://a/x\n": ` + path,
		"https://a/\u00e9":                       "URL https://a/\u00e9: " + path,
		"https://a/$(x)":                         "URL https://a/$(x): " + path,
		"https://a/x/../y":                       `URL https://a/x/../y: path: "..": not taken`,
		"https://a/x/%2e%2e/y":                   `URL https://a/x/%2e%2e/y: path: "%2e%2e": not taken`,
		"https://a/x%0ay":                        `URL https://a/x%0ay: path: "x%0ay": not taken`,
		"https://a/x%2Fy":                        `URL https://a/x%2Fy: path: "x%2Fy": not taken`,
		"https://a/x%zz":                         `URL https://a/x%zz: path: "x%zz": not taken`,
		"https://a/" + strings.Repeat("x", 2100): "URL: more than 2048 bytes",
	} {
		err := CheckURL(raw)
		wantError(t, err, want)
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: shows a password", raw)
		}
	}
}

func TestCheckRef(t *testing.T) {
	t.Parallel()
	for _, ref := range []string{"main", "stable/8.0", "refs/changes/12/34/1", "HEAD", "v1.0~rc"[:4], "a@b", "x{y}", "$(x)", "it's"} {
		if err := CheckRef(ref); err != nil {
			t.Error(err)
		}
	}
	for ref, want := range map[string]string{
		"": "empty", "-x": "begins with a dash", "--upload-pack=x": "begins with a dash", "@": "holds @", "x@{1}": "holds @",
		"a..b": "holds ..", "x.": "ends with a dot", "a//b": "slash at an end, or two together", "/a": "slash at an end, or two together",
		"a/": "slash at an end, or two together", "a/.b": "a part begins with a dot or ends with .lock", "a.lock/b": "a part begins with a dot or ends with .lock",
		"a/-b": "a part begins with a dash",
	} {
		wantError(t, CheckRef(ref), "ref "+quoted(ref)+": "+want)
	}
	for _, ref := range []string{"a b", "a\nb", "a\x00", "a~1", "a^{}", "a:b", "a?", "a*", "a[b", `a\b`, "caf\u00e9"} {
		wantError(t, CheckRef(ref), "ref "+quoted(ref)+`: holds a blank, a control character, one of ~ ^ : ? * [ \, or what is not ASCII`)
	}
	wantError(t, CheckRef(strings.Repeat("x", 300)), "ref: more than 255 bytes")
}

func FuzzCheckURL(f *testing.F) {
	for _, s := range []string{"https://a.example/x", "ssh://git@h:22/~x/y", "git://[::1]/x%20y", "https://me:secret@h/x", "ext::x", "-x"} {
		f.Add(s, "../x")
	}
	f.Fuzz(func(t *testing.T, raw, sub string) {
		if CheckURL(raw) != nil {
			return
		}
		if strings.ContainsAny(raw, " \n\t\"'`$;&|<>\\?#") || strings.HasPrefix(raw, "-") || !strings.Contains(raw, "://") {
			t.Fatalf("%q", raw)
		}
		// What lies beside it is on the same host.
		if u, err := relative(raw, "./"+sub); err == nil && CheckURL(u) == nil {
			a, _ := parseURL(raw)
			if b, _ := parseURL(u); a.host != b.host || a.scheme != b.scheme {
				t.Fatalf("%q + %q = %q", raw, sub, u)
			}
		}
	})
}
