package builder

import (
	"io/fs"
	"os"
	"path"
)

// droppedPaths hold what configuring leaves behind that is no part of a system:
// caches, logs and backups, in which times and the order of work show.
var droppedPaths = []string{
	"var/cache/ldconfig/aux-cache",
	"var/cache/man/*",
	"var/cache/apt/*.bin",
	"var/cache/debconf/*-old",
	"var/lib/dpkg/*-old",
	"var/lib/dpkg/lock",
	"var/lib/dpkg/lock-frontend",
	"var/lib/dpkg/triggers/Lock",
	"var/lib/systemd/catalog/database",
	"var/log/*",
	"etc/passwd-",
	"etc/group-",
	"etc/shadow-",
	"etc/gshadow-",
	"etc/.pwd.lock",
	"run/*",
	"tmp/*",
	"var/tmp/*",
	"root/*",
	"dev/*",
	"proc/*",
	"sys/*",
}

// Clean removes from a directory that was laid over an image what installing leaves
// behind that is no part of a system. No link leads out of it.
func Clean(root *os.Root) error { return clean(root, func(string) bool { return false }) }

// clean removes droppedPaths under root. What packages
// ship there (the directory var/log/apt) stays.
func clean(root *os.Root, packaged func(name string) bool) error {
	for _, pattern := range droppedPaths {
		names, err := fs.Glob(root.FS(), pattern)
		if err != nil {
			return err
		}
		for _, name := range names {
			if err := drop(root, name, packaged); err != nil {
				return err
			}
		}
	}
	return nil
}

// drop removes name and what is below it, but for what a package ships.
func drop(root *os.Root, name string, packaged func(name string) bool) error {
	info, err := root.Lstat(name)
	if err != nil {
		return err
	}
	if !packaged(name) {
		return root.RemoveAll(name)
	}
	if !info.IsDir() {
		return nil
	}
	below, err := fs.ReadDir(root.FS(), name)
	if err != nil {
		return err
	}
	for _, e := range below {
		if err := drop(root, path.Join(name, e.Name()), packaged); err != nil {
			return err
		}
	}
	return nil
}
