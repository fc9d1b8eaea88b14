package recipe

import (
	"slices"
	"strings"
	"testing"
)

// base is a valid recipe; TestMistakes replaces one line of it at a time.
const base = `format: 1
name: xx
summary: A thing
license: MIT
sources: {main: {path: src}}
deb:
  builder: one
  debian: debian
  outputs: [xx, xy]
  require: {xx: [/usr/bin/x]}
  debug: drop
  env: {A: b}
  modes: {debian/rules: "0755"}
`

// mistake replaces one piece of base.
type mistake struct{ name, line, by, want string }

// in returns a text with the mistake.
func (m mistake) in(t *testing.T, valid string) []byte {
	t.Helper()
	text := strings.Replace(valid, m.line, m.by, 1)
	if text == valid {
		t.Fatal("nothing replaced")
	}
	return []byte(text)
}

func mistakes() []mistake {
	dsc := "sources: {main: {dsc: {path: pool/main/xx/xx_1-1.dsc, sha256: " + strings.Repeat("1", 63) + "a}}}"
	all := []mistake{
		{"unknown field", "license: MIT", "license: MIT\nlicence: MIT", `f:5:1: unknown field "licence": did you mean license?`},
		{"later field", "license: MIT", "license: MIT\nlint: {fail: error}", `f:5:1: unknown field "lint": known are format, name, summary, license, sources, version, limits, rpm, deb, variants`},
		{"unknown in deb", "  debug: drop", "  debuk: drop", `f:11:3: deb: unknown field "debuk": did you mean debug?`},
		{"duplicate", "  debug: drop", "  debug: drop\n  builder: two", `f:12:3: duplicate key "builder": first in line 7`},
		{"limits", "license: MIT", "license: MIT\nlimits: {memory: 4GB, time: 2d}", "f:5:18: limits.memory: \"4GB\": want a whole number of KiB, MiB, GiB or TiB, e.g. 512MiB\nf:5:29: limits.time: \"2d\": want whole hours, minutes and seconds, e.g. 90s, 30m or 1h30m"},
		{"limits unknown", "license: MIT", "license: MIT\nlimits: {cpu: 4}", `f:5:10: limits: unknown field "cpu": known are memory, processes, disk, output, time`},
		{"limits processes", "license: MIT", "license: MIT\nlimits: {processes: 2}", "f:5:21: limits.processes: 2: want 16 to 4194304"},
		{"limits too small", "license: MIT", "license: MIT\nlimits: {memory: 2KiB}", "f:5:18: limits.memory: 2KiB: want at least 16MiB"},
		{"no format", "format: 1\n", "", "f:1:1: format: missing"},
		{"newer format", "format: 1", "format: 2\nnews: yes", "f:1:9: format: 2: newer than this pbuild, which reads 1"},
		{"format zero", "format: 1", "format: 0", "f:1:9: format: 0: want 1 to 2147483648"},
		{"format text", "format: 1", `format: "1"`, `f:1:9: format: want a decimal number, have "1"`},
		{"no name", "name: xx\n", "", "f:1:1: name: missing"},
		{"other name", "name: xx", "name: y", `f:2:7: name: "y": the folder says "xx"`},
		{"bad name", "name: xx", "name: X", `f:2:7: name: name "X": want lower case letters and digits, joined by single . or -, at most 64`},
		{"no summary", "summary: A thing\n", "", "f:1:1: summary: missing"},
		{"empty summary", "summary: A thing", `summary: " "`, "f:3:10: summary: want one line of 1 to 200 bytes"},
		{"summary of two lines", "summary: A thing", `summary: "a\nb"`, "f:3:10: summary: want one line of 1 to 200 bytes"},
		{"no license", "license: MIT\n", "", "f:1:1: license: missing"},
		{"license", "license: MIT", "license: MIT/X11", `f:4:10: license: license "MIT/X11": want an SPDX expression such as GPL-2.0-or-later`},
		{"no sources", "sources: {main: {path: src}}\n", "", "f:1:1: sources: missing"},
		{"no main", "{main: {path: src}}", "{mian: {path: src}}", "f:5:10: sources.main: missing\n" + "f:5:11: sources.mian: did you mean main?"},
		{"no kind", "{path: src}", "{}", "f:5:17: sources.main: want path or git or dsc"},
		{"two kinds", "{path: src}", "{path: src, dsc: {}}", "f:5:17: sources.main: has path and dsc: want one of them"},
		{"source text", "{path: src}", "src", "f:5:17: sources.main: want a mapping, have text"},
		{"absolute source", "{path: src}", "{path: /etc}", `f:5:24: sources.main.path: path "/etc": is absolute: want one inside`},
		{"source outside", "{path: src}", "{path: ../y}", `f:5:24: sources.main.path: path "../y": leads outside`},
		{"source hidden outside", "{path: src}", "{path: src/../../y}", `f:5:24: sources.main.path: path "src/../../y": leads outside`},
		{"source unclean", "{path: src}", "{path: ./src}", `f:5:24: sources.main.path: path "./src": want names joined by single slashes, no . or .. among them`},
		{"source itself", "{path: src}", "{path: .}", `f:5:24: sources.main.path: path ".": want names joined by single slashes, no . or .. among them`},
		{"home", "{path: src}", "{path: ~}", "f:5:24: no value: write one, or leave the field out"},
		{"git without ref", "{path: src}", "{git: https://x.example/y}", "f:5:17: sources.main.ref: missing"},
		{"git file", "{path: src}", "{git: 'file:///home/x', ref: main}", `f:5:23: sources.main.git: URL "file:///home/x": want https://, http://, ssh:// or git:// with a host and a path`},
		{"git program", "{path: src}", "{git: 'ext::sh -c id', ref: main}", `f:5:23: sources.main.git: URL "ext::sh -c id": want https://, http://, ssh:// or git:// with a host and a path`},
		{"git option", "{path: src}", "{git: --upload-pack=id, ref: main}", `f:5:23: sources.main.git: URL "--upload-pack=id": want https://, http://, ssh:// or git:// with a host and a path`},
		{"git host option", "{path: src}", "{git: 'ssh://-oProxyCommand=id/x', ref: main}", `f:5:23: sources.main.git: URL "ssh://-oProxyCommand=id/x": want https://, http://, ssh:// or git:// with a host and a path`},
		{"git password", "{path: src}", "{git: 'https://me:secret@x.example/y', ref: main}", `f:5:23: sources.main.git: URL "https://…@x.example/y": want https://, http://, ssh:// or git:// with a host and a path`},
		{"git up", "{path: src}", "{git: 'https://x.example/a/../b', ref: main}", `f:5:23: sources.main.git: URL "https://x.example/a/../b": want https://, http://, ssh:// or git:// with a host and a path`},
		{"git mirror", "{path: src}", "{git: 'https://x.example/a', mirrors: [/srv/a], ref: main}", `f:5:56: sources.main.mirrors[0]: URL "/srv/a": want https://, http://, ssh:// or git:// with a host and a path`},
		{"ref option", "{path: src}", "{git: 'https://x.example/a', ref: '--all'}", `f:5:51: sources.main.ref: ref "--all": want a commit, a branch or a tag`},
		{"ref range", "{path: src}", "{git: 'https://x.example/a', ref: 'a..b'}", `f:5:51: sources.main.ref: ref "a..b": want a commit, a branch or a tag`},
		{"ref date", "{path: src}", "{git: 'https://x.example/a', ref: 'main@{1}'}", `f:5:51: sources.main.ref: ref "main@{1}": want a commit, a branch or a tag`},
		{"ref number", "{path: src}", "{git: 'https://x.example/a', ref: 1.10}", `f:5:51: sources.main.ref: 1.10 is a number: quote it`},
		{"ref of a path", "{path: src}", "{path: src, ref: main}", "f:5:34: sources.main.ref: belongs to git"},
		{"dsc with debian", "sources: {main: {path: src}}", dsc, "f:8:11: deb.debian: a Debian source package brings its own: leave it out"},
		{
			"dsc url", "{path: src}", "{dsc: {path: 'https://x.example/x_1.dsc', sha256: a}}",
			"f:5:30: sources.main.dsc.path: path \"https://x.example/x_1.dsc\": want pool/… of a-z A-Z 0-9 . + ~ _ -\n" +
				`f:5:67: sources.main.dsc.sha256: digest "sha256:a": want sha256: and 64 lower case hexadecimal digits` + "\n" +
				"f:8:11: deb.debian: a Debian source package brings its own: leave it out",
		},
		{"no deb", base[strings.Index(base, "deb:"):], "", "f:1:1: deb or rpm: missing: at least one says what is made"},
		{"deb list", base[strings.Index(base, "deb:"):], "deb: []\n", "f:6:6: deb: want a mapping, have a list"},
		{"deb empty", base[strings.Index(base, "deb:"):], "deb: {}\n", "f:6:6: deb.builder: missing\nf:6:6: deb.outputs: missing"},
		{"builder path", "builder: one", "builder: ../one", `f:7:12: deb.builder: name "../one": want lower case letters and digits, joined by single . or -, at most 64`},
		{"debian absolute", "debian: debian", "debian: /x", `f:8:11: deb.debian: path "/x": is absolute: want one inside`},
		{"no outputs", "outputs: [xx, xy]", "outputs: []", "f:9:12: deb.outputs: want at least one\n" + "f:10:13: deb.require.xx: not in outputs"},
		{"output twice", "outputs: [xx, xy]", "outputs: [xy, xy]", "f:9:17: deb.outputs[1]: xy: stands twice\nf:10:13: deb.require.xx: not in outputs: did you mean xy?"},
		{"output file", "outputs: [xx, xy]", "outputs: [xy, xy_1.deb]", `f:9:17: deb.outputs[1]: package name "xy_1.deb": want two or more of a-z 0-9 + - . beginning with a letter or digit` + "\nf:10:13: deb.require.xx: not in outputs: did you mean xy?"},
		{"output debug", "outputs: [xx, xy]", "outputs: [xy, xy-dbgsym]", "f:9:17: deb.outputs[1]: \"xy-dbgsym\": is made by debug: keep: leave it out\nf:10:13: deb.require.xx: not in outputs: did you mean xy?"},
		{"require relative", "[/usr/bin/x]", "[usr/bin/x]", `f:10:18: deb.require.xx[0]: path "usr/bin/x": want an absolute path without . and .. and doubled slashes`},
		{"require up", "[/usr/bin/x]", "[/usr/../x]", `f:10:18: deb.require.xx[0]: path "/usr/../x": want an absolute path without . and .. and doubled slashes`},
		{"require none", "[/usr/bin/x]", "[]", "f:10:17: deb.require.xx: want at least one"},
		{"require text", "[/usr/bin/x]", "/usr/bin/x", "f:10:17: deb.require.xx: want a list, have text"},
		{"debug", "debug: drop", "debug: true", "f:11:10: deb.debug: true is a truth value: quote it"},
		{"debug word", "debug: drop", "debug: yes", `f:11:10: deb.debug: unknown value "yes": known are keep, drop`},
		{"env number", "env: {A: b}", "env: {A: 1.10}", "f:12:12: deb.env.A: 1.10 is a number: quote it"},
		{"env name", "env: {A: b}", "env: {A-B: b}", "f:12:9: deb.env.A-B: want a name of letters, digits and _, not beginning with a digit"},
		{"env empty name", "env: {A: b}", `env: {"": b}`, "f:12:9: deb.env.: want a name of letters, digits and _, not beginning with a digit"},
		{"env reserved", "env: {A: b}", "env: {SOURCE_DATE_EPOCH: '0'}", "f:12:9: deb.env.SOURCE_DATE_EPOCH: is set by pbuild"},
		{"mode number", `"0755"`, "0755", "f:13:25: deb.modes.debian/rules: 0755 is a number: quote it"},
		{"mode setuid", `"0755"`, `"4755"`, `f:13:25: deb.modes.debian/rules: "4755": want a mode such as "0755"`},
		{"mode empty", `"0755"`, `""`, `f:13:25: deb.modes.debian/rules: "": want a mode such as "0755"`},
		{"mode outside", "debian/rules:", "../rules:", `f:13:11: deb.modes.../rules: path "../rules": leads outside`},
		{"packages none", "  debug: drop", "  debug: drop\n  packages: []", "f:12:13: deb.packages: want at least one"},
		{"packages file", "  debug: drop", "  debug: drop\n  packages: [./x.deb]", `f:12:14: deb.packages[0]: package name "./x.deb": want two or more of a-z 0-9 + - . beginning with a letter or digit`},
		{"home outside", "  debug: drop", "  debug: drop\n  home: {../x: {content: a}}", `f:12:10: deb.home.../x: path "../x": leads outside`},
		{"home nothing", "  debug: drop", "  debug: drop\n  home: {x: {}}", "f:12:13: deb.home.x: want content or link"},
		{"home both", "  debug: drop", "  debug: drop\n  home: {x: {content: a, link: b}}", "f:12:13: deb.home.x: has content and link: want one of them"},
		{"files relative", "  debug: drop", "  debug: drop\n  files: {usr/x: {content: a}}", `f:12:11: deb.files.usr/x: path "usr/x": want an absolute path without . and .. and doubled slashes`},
		{"files link", "  debug: drop", "  debug: drop\n  files: {/bin/x: {content: a}}", `f:12:11: deb.files./bin/x: path "/bin/x": /bin is a link: want /usr/bin/x`},
		{"files build", "  debug: drop", "  debug: drop\n  files: {/build/x: {content: a}}", `f:12:11: deb.files./build/x: path "/build/x": want a file of the system, such as /usr/bin/x; files of the build belong to home`},
		{"files mode of a link", "  debug: drop", "  debug: drop\n  files: {/opt/x: {link: a, mode: \"0755\"}}", "f:12:35: deb.files./opt/x.mode: a link has none: leave it out"},
		{"files setuid", "  debug: drop", "  debug: drop\n  files: {/opt/x: {content: a, mode: \"4755\"}}", `f:12:38: deb.files./opt/x.mode: "4755": want a mode such as "0755"`},
		{"host file", "  debug: drop", "  debug: drop\n  files: {/opt/x: {file: /etc/shadow}}", `f:12:20: deb.files./opt/x: unknown field "file": known are content, link, mode`},
		{"rpm without spec", "deb:\n", "rpm: {builder: one, outputs: [xx]}\ndeb:\n", "f:6:6: rpm.spec: missing"},
		{"rpm spec name", "deb:\n", "rpm: {builder: one, outputs: [xx], spec: xx.txt}\ndeb:\n", `f:6:42: rpm.spec: path "xx.txt": want one that ends in .spec`},
		{"rpm spec outside", "deb:\n", "rpm: {builder: one, outputs: [xx], spec: ../xx.spec}\ndeb:\n", `f:6:42: rpm.spec: path "../xx.spec": leads outside`},
		{"rpm output", "deb:\n", "rpm: {builder: one, outputs: [-xx], spec: xx.spec}\ndeb:\n", `f:6:31: rpm.outputs[0]: package name "-xx": want letters, digits and . _ + - beginning with a letter, a digit or _`},
		{"rpm output debug", "deb:\n", "rpm: {builder: one, outputs: [xx-debuginfo], spec: xx.spec}\ndeb:\n", `f:6:31: rpm.outputs[0]: "xx-debuginfo": is made by debug: keep: leave it out`},
		{"rpm output up", "deb:\n", "rpm: {builder: one, outputs: [x..x], spec: xx.spec}\ndeb:\n", `f:6:31: rpm.outputs[0]: package name "x..x": want letters, digits and . _ + - beginning with a letter, a digit or _`},
		{"rpm define short", "deb:\n", "rpm: {builder: one, outputs: [xx], spec: xx.spec, defines: {xx: a}}\ndeb:\n", "f:6:61: rpm.defines.xx: want a name of letters, digits and _, three or more, not beginning with a digit"},
		{"rpm define of two lines", "deb:\n", "rpm: {builder: one, outputs: [xx], spec: xx.spec, defines: {xxx: \"a\\nb\"}}\ndeb:\n", "f:6:66: rpm.defines.xxx: want one line of 1 to 4096 bytes"},
		{"rpm define reserved", "deb:\n", "rpm: {builder: one, outputs: [xx], spec: xx.spec, defines: {_topdir: /}}\ndeb:\n", "f:6:61: rpm.defines._topdir: is set by pbuild"},
		{"rpm layout", "deb:\n", "rpm: {builder: one, outputs: [xx], spec: xx.spec, source0: {name: xx, layout: round}}\ndeb:\n", `f:6:79: rpm.source0.layout: unknown value "round": known are prefixed, flat`},
		{"rpm layout missing", "deb:\n", "rpm: {builder: one, outputs: [xx], spec: xx.spec, source0: {name: xx}}\ndeb:\n", "f:6:60: rpm.source0.layout: missing"},
		{"rpm tarball name", "deb:\n", "rpm: {builder: one, outputs: [xx], spec: xx.spec, source0: {name: a/b, layout: flat}}\ndeb:\n", `f:6:67: rpm.source0.name: package name "a/b": want letters, digits and . _ + - beginning with a letter, a digit or _`},
		{"rpm modes without tarball", "deb:\n", "rpm: {builder: one, outputs: [xx], spec: xx.spec, modes: {a: \"0755\"}}\ndeb:\n", "f:6:58: rpm.modes: are those of files in the tarball, and there is no source0"},
		{"rpm of dsc", "sources: {main: {path: src}}\ndeb:\n", "sources: {main: {dsc: {path: pool/main/xx/xx_1-1.dsc, sha256: " + strings.Repeat("1", 63) + "a}}}\nrpm: {builder: one, outputs: [xx], spec: xx.spec}\ndeb:\n", "f:6:6: rpm: a Debian source package makes no rpm: want a source of path or git\nf:9:11: deb.debian: a Debian source package brings its own: leave it out"},
		{"privilege", "  debug: drop", "  debug: drop\n  privileged: true", `f:12:3: deb: unknown field "privileged": known are debian, builder, profiles, needs, packages, outputs, require, debug, edits, env, modes, home, files`},
		{"network", "  debug: drop", "  debug: drop\n  network: true", `f:12:3: deb: unknown field "network": known are debian, builder, profiles, needs, packages, outputs, require, debug, edits, env, modes, home, files`},
	}
	return slices.Concat(all, sourceMistakes(), editMistakes(), versionMistakes(), needMistakes())
}

func TestMistakes(t *testing.T) {
	if _, err := parseRecipe("f", "xx", []byte(base)); err != nil {
		t.Fatal(err)
	}
	for _, c := range mistakes() {
		t.Run(c.name, func(t *testing.T) {
			r, err := parseRecipe("f", "xx", c.in(t, base))
			says(t, err, c.want)
			if r != nil {
				t.Error("a recipe nevertheless")
			}
		})
	}
}

func TestLockMistakes(t *testing.T) {
	sources := map[string]Source{"main": Dsc{Path: "pool/main/x/x_1-1.dsc"}}
	local := map[string]Source{"main": Path{"src"}}
	remote := map[string]Source{"main": Git{Ref: "main"}, "modules/a": Git{Ref: "main"}, "modules/b": Path{"b"}}
	const good = "commit: 5a0893726aaffdf223c5c4387e6b39d46355a822, tree: 'sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef', epoch: 1"
	for _, c := range []struct {
		name, in string
		sources  map[string]Source
		want     string
	}{
		{"no commit", "format: 1\nsources: {main: {ref: main, epoch: 1, count: 1}}\n", remote, "f:2:17: sources.main.commit: missing\nf:2:17: sources.main.tree: missing"},
		{"short commit", "format: 1\nsources: {main: {ref: main, commit: 5a08937, tree: x, epoch: 1, count: 0}}\n", remote, `f:2:37: sources.main.commit: commit "5a08937": want 40 or 64 lower case hexadecimal digits` + "\n" +
			`f:2:52: sources.main.tree: digest "x": want sha256: and 64 lower case hexadecimal digits` + "\nf:2:72: sources.main.count: 0: want 1 to 2147483647"},
		{"packages without release", "format: 1\ndeb: {packages: 'sha256:" + strings.Repeat("1", 64) + "'}\n", sources, "f:2:6: deb.release: missing"},
		{"mapped text", "format: 1\ndeb: {mapped: {x: y}}\n", sources, "f:2:19: deb.mapped.x: want a list, have text"},
		{"version number", "format: 1\nsources: {main: {version: 1.10, epoch: 1}}\n", sources, "f:2:27: sources.main.version: 1.10 is a number: quote it"},
		{"version", "format: 1\nsources: {main: {version: x, epoch: 1}}\n", sources, `f:2:27: sources.main.version: version "x": want a digit, then a-z A-Z 0-9 . + ~ -`},
		{"epoch", "format: 1\nsources: {main: {version: 1-1, epoch: 0}}\n", sources, "f:2:39: sources.main.epoch: 0: want 1 to 253402300799"},
		{"field", "format: 1\nsources: {main: {version: 1-1, epoch: 1, tree: x}}\n", sources, `f:2:42: sources.main: unknown field "tree": known are version, epoch`},
		{"unknown source", "format: 1\nsources: {more: {version: 1-1, epoch: 1}}\n", sources, "f:2:11: sources.more: the recipe has no such source, or one that is not locked"},
		{"path source", "format: 1\nsources: {main: {version: 1-1, epoch: 1}}\n", local, "f:2:11: sources.main: the recipe has no such source, or one that is not locked"},
		{"kind", "format: 1\nsources: {main: {ref: main, kind: brach, count: 1, " + good + "}}\n", remote, `f:2:35: sources.main.kind: unknown value "brach": did you mean branch?`},
		{"kind of a commit", "format: 1\nsources: {main: {ref: main, kind: commit, count: 1, " + good + "}}\n", remote, `f:2:35: sources.main.kind: unknown value "commit": known are branch, tag`},
		{"kind of dsc", "format: 1\nsources: {main: {version: 1-1, epoch: 1, kind: tag}}\n", sources, `f:2:42: sources.main: unknown field "kind": known are version, epoch`},
		{"no count", "format: 1\nsources: {main: {ref: main, " + good + "}}\n", remote, "f:2:17: sources.main.count: missing"},
		{"count of a part", "format: 1\nsources: {modules/a: {ref: main, count: 1, " + good + "}}\n", remote, `f:2:34: sources.modules/a: unknown field "count": known are ref, kind, commit, tree, epoch`},
		{"version of a part", "format: 1\nsources: {modules/a: {ref: main, version: '1', " + good + "}}\n", remote, `f:2:34: sources.modules/a: unknown field "version": known are ref, kind, commit, tree, epoch`},
		{"pack", "format: 1\nsources: {modules: {ref: main, " + good + "}}\n", remote, "f:2:11: sources.modules: the recipe has no such source, or one that is not locked"},
		{"path in a pack", "format: 1\nsources: {modules/b: {ref: main, " + good + "}}\n", remote, "f:2:11: sources.modules/b: the recipe has no such source, or one that is not locked"},
		{"not a mapping", "format: 1\nsources: [main]\n", sources, "f:2:10: sources: want a mapping, have a list"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := parseLock("f", []byte(c.in), &Recipe{Sources: c.sources})
			says(t, err, c.want)
		})
	}
}
