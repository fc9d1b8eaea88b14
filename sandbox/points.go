package sandbox

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

const hostsFile = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"

// point is an entry of the bottom layer.
type point struct {
	name  string // relative
	isDir bool
	text  string
}

// missingPoints lists what the layers lack. For the place of a bind they are
// not asked, since a layer can hide what one below it has.
func (p *plan) missingPoints() (missing []point, err error) {
	var layers []int
	defer func() {
		for _, fd := range layers {
			unix.Close(fd)
		}
	}()
	for _, name := range p.lower {
		fd, err := unix.Open(name, pathFlags|unix.O_DIRECTORY, 0)
		if err != nil {
			return nil, fmt.Errorf("layer %s: %w", name, err)
		}
		layers = append(layers, fd)
	}
	for _, name := range fixedPoints() {
		if !hasEntry(layers, name) {
			missing = append(missing, point{name: name, isDir: true})
		}
	}
	for _, file := range []point{{name: "etc/hosts", text: hostsFile}, {name: "etc/resolv.conf"}} {
		if !hasEntry(layers, file.name) {
			missing = append(missing, file)
		}
	}
	for _, b := range p.binds {
		if inTemporary(b.Inside) {
			continue
		}
		var st unix.Stat_t
		if err := unix.Stat(b.Host, &st); err != nil {
			return nil, fmt.Errorf("bind %s: %w", b.Host, err)
		}
		missing = append(missing, point{name: b.Inside[1:], isDir: st.Mode&unix.S_IFMT == unix.S_IFDIR})
	}
	return missing, nil
}

func fixedPoints() []string { return []string{"dev", "proc", "run", "sys", "tmp"} }

// hasEntry reports whether any layer has an entry. Where one above hides it, or
// it is not what it should be, the check of the mount points says so.
func hasEntry(layers []int, name string) bool {
	for _, layer := range layers {
		fd, err := unix.Openat2(layer, name, &unix.OpenHow{
			Flags:   pathFlags | unix.O_NOFOLLOW,
			Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS,
		})
		if err == nil {
			unix.Close(fd)
		}
		if !errors.Is(err, unix.ENOENT) {
			return true
		}
	}
	return false
}

// makePoints makes the bottom layer, where one is needed. Mount points made in the
// upper directory instead would look like files that the program left.
func makePoints(scratch int, points []point) error {
	if len(points) == 0 {
		return nil
	}
	if err := makeDir(scratch, pointsName); err != nil {
		return fmt.Errorf("%s: %w", pointsName, err)
	}
	fd, err := unix.Openat(scratch, pointsName, pathFlags|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return fmt.Errorf("%s: %w", pointsName, err)
	}
	defer unix.Close(fd)
	for _, p := range points {
		if err := makePoint(fd, p); err != nil {
			return fmt.Errorf("mount point /%s: %w", p.name, err)
		}
	}
	return nil
}

// makePoint makes one, with the directories that lead to it, below a directory
// that only the sandbox's own code writes.
func makePoint(dir int, p point) error {
	for i := range p.name {
		if p.name[i] != '/' {
			continue
		}
		if err := makeDir(dir, p.name[:i]); err != nil && !errors.Is(err, unix.EEXIST) {
			return err
		}
	}
	if p.isDir {
		if err := makeDir(dir, p.name); err != nil && !errors.Is(err, unix.EEXIST) {
			return err
		}
		return nil
	}
	fd, err := unix.Openat(dir, p.name, unix.O_WRONLY|unix.O_CREAT|unix.O_CLOEXEC, 0o644)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if p.text != "" {
		if _, err := unix.Write(fd, []byte(p.text)); err != nil {
			return err
		}
	}
	return unix.Fchmod(fd, 0o644)
}

// makeDir makes a directory of mode 0755, whatever the umask.
func makeDir(dir int, name string) error {
	if err := unix.Mkdirat(dir, name, 0o755); err != nil {
		return err
	}
	return unix.Fchmodat(dir, name, 0o755, 0)
}
