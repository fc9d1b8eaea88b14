package realize

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/fuel-infra/pbuild/sandbox"
)

// rpmDirs are the folders below %_topdir that rpmbuild takes for granted.
var rpmDirs = []string{"BUILD", "BUILDROOT", "RPMS", "SOURCES", "SPECS", "SRPMS"}

// layOutRPM is layOut for rpmbuild, which leaves the packages below s.work/RPMS.
func (s *site) layOutRPM(ctx context.Context) (program sandbox.Spec, err error) {
	for _, name := range rpmDirs {
		if err := makeDir(filepath.Join(s.work, name)); err != nil {
			return program, err
		}
	}
	if err := s.makeHome(); err != nil {
		return program, err
	}
	rpm := s.node.Recipe.RPM
	text := s.node.spec
	if text == nil {
		if text, err = s.node.Recipe.SpecIn(s.main); err != nil {
			return program, err
		}
	}
	spec := path.Join("SPECS", path.Base(rpm.Spec))
	if err := s.putFile(spec, text); err != nil {
		return program, err
	}
	if err := s.makeSources(ctx, spec); err != nil {
		return program, err
	}
	what := "-bb"
	if s.node.Format.IsSource() {
		what = "-bs"
	}
	return sandbox.Spec{
		Binds: []sandbox.Bind{{Host: s.work, Inside: buildInside, Writable: true}},
		Dir:   buildInside,
		Argv:  slices.Concat([]string{"rpmbuild", what, "--nodeps"}, s.defines(), []string{spec}),
	}, nil
}

// putFile writes a file below s.work with the build's time, of mode 0644 whatever
// the umask.
func (s *site) putFile(name string, text []byte) error {
	file := filepath.Join(s.work, name)
	if err := os.WriteFile(file, text, 0o644); err != nil {
		return err
	}
	if err := os.Chmod(file, 0o644); err != nil {
		return err
	}
	epoch := time.Unix(s.node.Derivation.Stamp.Epoch, 0)
	return os.Chtimes(file, epoch, epoch)
}

// defines are rpmbuild's macros. Without each of the first four no two runs give
// the same bytes. The next two are for what specs, and a script of rpm itself, take
// for granted: that sh is bash, which on Debian it is not.
func (s *site) defines() []string {
	all := []string{
		"_topdir " + buildInside,
		"_buildhost pbuild",
		"use_source_date_epoch_as_buildtime 1",
		"clamp_mtime_to_source_date_epoch 1",
		"_buildshell /bin/bash",
		"__brp_compress /bin/bash %{_rpmconfigdir}/brp-compress %{?_prefix}",
	}
	if s.node.Derivation.Debug {
		all = append(all, "_debugsource_packages 1", makeDebugPackages)
	} else {
		all = append(all, "debug_package %{nil}")
	}
	if d := s.node.Derivation; d.Release != "" {
		all = append(all, "release "+d.Release)
		if d.Stamp.Version != "" {
			all = append(all, "version "+d.Stamp.Version)
		}
	}
	own := s.node.Derivation.Defines
	for _, name := range slices.Sorted(maps.Keys(own)) {
		all = append(all, name+" "+own[name])
	}
	var out []string
	for _, d := range all {
		out = append(out, "--define", d)
	}
	return out
}

// makeDebugPackages is the macro by which distributions of rpm put the debug
// packages before %install, of which Debian's rpm has only the templates. Lua, for
// a macro that is given as an argument of one line.
const makeDebugPackages = `install %{lua: print(rpm.expand("%{?buildsubdir:%{debug_package}}") .. string.char(10) .. "%" .. "install")}`

// querySpec asks rpmspec for the version, and for the names of the sources.
func (s *site) querySpec(ctx context.Context, spec string) (version string, sources []string, err error) {
	var out bytes.Buffer
	argv := slices.Concat([]string{"rpmspec", "--query", "--srpm", "--queryformat", `%{version}\n[%{source}\n]`}, s.defines(), []string{spec})
	err = s.runInto(ctx, &out, sandbox.Spec{
		Binds: []sandbox.Bind{{Host: s.work, Inside: buildInside}},
		Dir:   buildInside,
		Argv:  argv,
	})
	if err != nil {
		return "", nil, err
	}
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	if !isVersion(lines[0]) {
		return "", nil, fmt.Errorf("rpmspec: version %q: want letters, digits and . _ + ~ ^", lines[0])
	}
	return lines[0], lines[1:], nil
}

// isVersion reports whether rpmbuild takes s for a version, and it can be a part of
// a file's name.
func isVersion(s string) bool {
	const allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+~^"
	return s != "" && len(s) <= 128 && !strings.ContainsAny(s[:1], "._+~^") && strings.Trim(s, allowed) == ""
}

// specPart returns the part of the spec that failed, such as %install, where
// rpmbuild says so in the summary that ends what it prints. What a script of the
// spec prints comes before that.
func specPart(lines []string) string {
	for _, line := range slices.Backward(lines) {
		if line == "RPM build errors:" {
			break
		}
		if m := badExit().FindStringSubmatch(line); m != nil {
			return m[1]
		}
	}
	return ""
}

// badExit is rpmbuild's line about a script that failed (rpm's build/build.c).
var badExit = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^ +Bad exit status from .* \((%[a-z_]+)\)$`)
})
