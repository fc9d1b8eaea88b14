package tree

import "strings"

// Names with a meaning in a layer's tar (OCI image specification, layer.md, "Whiteouts").
const (
	whiteoutPrefix = ".wh."
	opaqueName     = ".wh..wh..opq"
)

// How overlayfs, mounted with userxattr, marks an opaque directory (Linux,
// Documentation/filesystems/overlayfs.rst). A whiteout is a character device 0:0.
const (
	opaqueXattr = "user.overlay.opaque"
	opaqueValue = "y"
)

func isOpaque(path string) bool {
	_, name := split(path)
	return name == opaqueName
}

// fromWhiteout turns an entry with a whiteout's name into what the name means.
func fromWhiteout(e *Entry) error {
	dir, name := split(e.Path)
	victim, ok := strings.CutPrefix(name, whiteoutPrefix)
	if !ok {
		return nil
	}
	if e.Kind != File || e.Size != 0 {
		return refuse(e.Path, "a whiteout that is no empty file")
	}
	switch {
	case name == opaqueName:
		*e = Entry{Path: e.Path, Kind: Opaque}
		return nil
	case victim == "" || strings.HasPrefix(victim, whiteoutPrefix):
		return refuse(e.Path, "a whiteout of no known meaning")
	}
	path := victim
	if dir != "." {
		path = dir + "/" + victim
	}
	if err := checkPath(path); err != nil {
		return err
	}
	*e = Entry{Path: path, Kind: Whiteout}
	return nil
}

// tarName returns the name under which an entry stands in a layer's tar.
func tarName(e Entry) string {
	switch e.Kind {
	case Dir:
		return e.Path + "/"
	case Whiteout:
		dir, name := split(e.Path)
		if dir == "." {
			return whiteoutPrefix + name
		}
		return dir + "/" + whiteoutPrefix + name
	}
	return e.Path
}

// lowerKind returns the kind that path has in the layers below, 0 when none
// shows it. Ledgers come bottom first.
func lowerKind(lower []Ledger, path string) Kind {
	for i := len(lower) - 1; i >= 0; i-- {
		l := lower[i]
		if e, ok := l.Find(path); ok {
			if e.Kind == Whiteout {
				return 0
			}
			return e.Kind
		}
		for dir := path; dir != "."; {
			dir, _ = split(dir)
			if e, ok := l.Find(dir); ok && e.Kind != Dir {
				return 0
			}
			marker := opaqueName
			if dir != "." {
				marker = dir + "/" + opaqueName
			}
			if _, ok := l.Find(marker); ok {
				return 0
			}
		}
	}
	return 0
}
