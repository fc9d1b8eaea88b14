package resolve

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/fuel-infra/pbuild/internal/deb"
	"github.com/fuel-infra/pbuild/recipe"
	"github.com/fuel-infra/pbuild/sandbox"
)

// Install returns the packages to install over the image so that all of depends
// and none of conflicts holds, sorted by name: those that are missing and those
// that must be of another version. apt takes them for build dependencies, with
// the restrictions to architectures and profiles that these may have, and takes
// build-essential for granted as Debian policy does. A name alone asks for a
// package in whatever version.
//
// *UnmetError: some can't be had, or something would have to go.
func (a *Apt) Install(ctx context.Context, depends, conflicts deb.Relations) ([]recipe.Package, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	control := "Source: wanted\nMaintainer: Nobody <nobody@localhost>\n"
	if len(depends) > 0 {
		control += "Build-Depends: " + depends.String() + "\n"
	}
	if len(conflicts) > 0 {
		control += "Build-Conflicts: " + conflicts.String() + "\n"
	}
	control += "\nPackage: wanted\nArchitecture: any\n"
	file := filepath.Join(a.scratch.Dir, "wanted", "debian", "control")
	if err := os.WriteFile(file, []byte(control), 0o600); err != nil {
		return nil, err
	}
	return a.resolve(ctx, nil, "build-dep", ".")
}

// Bootstrap returns the packages of a system that holds these and nothing else:
// as Install's, but nothing counts as installed, and what is essential comes
// along.
func (a *Apt) Bootstrap(ctx context.Context, names []string) ([]recipe.Package, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	args := []string{"install", "?essential"}
	for _, name := range names {
		if err := deb.CheckPackage(name); err != nil {
			return nil, err
		}
		// A name that no package has would count as a regular expression.
		args = append(args, "?exact-name("+name+")")
	}
	packages, err := a.resolve(ctx, []string{"-o", "Dir::State::status=" + aptInside + "/status"}, args...)
	if err != nil {
		return nil, err
	}
	unmet := &UnmetError{}
	for _, name := range names {
		if !slices.ContainsFunc(packages, func(p recipe.Package) bool { return p.Name == name }) {
			unmet.Unmet = append(unmet.Unmet, Unmet{name, "no such package"})
		}
	}
	if len(unmet.Unmet) > 0 {
		return nil, unmet
	}
	return packages, nil
}

// resolve asks apt-get what it would do, and the index for the packages.
func (a *Apt) resolve(ctx context.Context, options []string, args ...string) ([]recipe.Package, error) {
	get := func(flags ...string) []string {
		return slices.Concat([]string{"apt-get"}, flags, options, args)
	}
	argv := get("-s", "-qq")
	said := &limited{left: maxOutput}
	out, err := a.run(ctx, said, argv...)
	var exit *sandbox.ExitError
	if errors.As(err, &exit) {
		return nil, a.why(ctx, get("-s"), err)
	}
	if err != nil {
		return nil, fmt.Errorf("apt: %w", err)
	}
	install, unmet, err := parsePlan(out)
	switch {
	case err != nil:
		return nil, err
	case len(unmet) > 0:
		return nil, &UnmetError{unmet}
	case len(install) == 0:
		return nil, nil
	}
	argv = slices.Concat([]string{"apt-cache"}, options, []string{"show", "--no-all-versions"})
	for _, p := range install {
		argv = append(argv, p.name+"="+p.version)
	}
	said = &limited{left: maxOutput}
	if out, err = a.run(ctx, said, argv...); err != nil {
		return nil, &AptError{argv[:1], complaints(said.Bytes()), err}
	}
	return parseShow(out, install)
}

// why runs apt-get again, so that it says what it leaves out when it is quiet.
func (a *Apt) why(ctx context.Context, argv []string, failed error) error {
	out, err := a.run(ctx, nil, argv...)
	var exit *sandbox.ExitError
	if err != nil && !errors.As(err, &exit) {
		return fmt.Errorf("apt: %w", err)
	}
	if unmet := parseUnmet(out); len(unmet) > 0 {
		return &UnmetError{unmet}
	}
	if unmet := parseMissing(complaints(out)); len(unmet) > 0 {
		return &UnmetError{unmet}
	}
	return &AptError{argv, complaints(out), failed}
}
