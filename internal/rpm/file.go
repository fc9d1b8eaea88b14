package rpm

import (
	"slices"
	"strings"

	"github.com/fuel-infra/pbuild/internal/tree"
	"github.com/fuel-infra/pbuild/store/digest"
)

// File is one path that a package owns. Fields that a kind does not use are zero.
type File struct {
	Path         string // relative, slashes, clean; the root is "."
	Kind         tree.Kind
	Mode         uint32 // 07777
	User, Group  string
	Size         int64         // bytes; tree.File only
	Digest       digest.Digest // of the bytes; tree.File only, zero where the header has another digest than sha256
	Link         string        // the target of a symlink as it is, or of a hard link the path that carries the bytes
	Major, Minor uint32
	Caps         string // capabilities in the text form of libcap, "cap_net_raw=ep"
	Lang         string // where the file belongs to one language
	Flags        FileFlags
	Verify       uint32 // what rpm -V compares, in bits
}

// FileFlags say what a file is for (rpm's include/rpm/rpmfiles.h).
type FileFlags uint32

// The flags that rpm has, by the directives of spec files.
const (
	Config    FileFlags = 1 << 0
	Doc       FileFlags = 1 << 1
	MissingOK FileFlags = 1 << 3
	NoReplace FileFlags = 1 << 4
	SpecFile  FileFlags = 1 << 5
	Ghost     FileFlags = 1 << 6 // owned, but not installed
	License   FileFlags = 1 << 7
	Readme    FileFlags = 1 << 8
	Artifact  FileFlags = 1 << 12
)

var fileFlagWords = map[FileFlags]string{
	Config: "config", Doc: "doc", 1 << 2: "icon", MissingOK: "missingok", NoReplace: "noreplace", SpecFile: "specfile",
	Ghost: "ghost", License: "license", Readme: "readme", 1 << 11: "pubkey", Artifact: "artifact",
}

// Has reports whether all bits of f are set.
func (f FileFlags) Has(bits FileFlags) bool { return f&bits == bits }

// String returns the flags as words parted by commas.
func (f FileFlags) String() string { return bitWords(uint32(f), fileFlagWords) }

// modeKinds are the types in a mode (inode(7)).
var modeKinds = map[uint32]tree.Kind{
	0o100000: tree.File, 0o040000: tree.Dir, 0o120000: tree.Symlink, 0o020000: tree.CharDev, 0o060000: tree.BlockDev, 0o010000: tree.FIFO,
}

func (p *RPM) readFiles(r *reader) {
	if r.has(tagOldFileNames) {
		r.fail(tagOldFileNames, "whole paths, as rpm 3 wrote them, are not supported")
	}
	bases, dirs := r.texts(tagBaseNames), r.texts(tagDirNames)
	n := len(bases)
	if n == 0 {
		return
	}
	var (
		dirOf    = r.numbersOf(n, tagDirIndexes)
		modes    = r.numbersOf(n, tagFileModes)
		users    = r.textsOf(n, tagFileUserName)
		groups   = r.textsOf(n, tagFileGroupName)
		flags    = r.flags(n, tagFileFlags)
		links    = r.textsOf(n, tagFileLinkTos)
		digests  = r.textsOf(n, tagFileDigests)
		devices  = r.numbersOf(n, tagFileRdevs)
		caps     = r.textsOf(n, tagFileCaps)
		langs    = r.textsOf(n, tagFileLangs)
		verify   = r.flags(n, tagFileVerify)
		sizes    = r.fileSizes(n)
		names    = 0
		identity = r.inodes(n)
		carriers = make(map[inode][]int)
	)
	for _, t := range []tag{tagDirIndexes, tagDirNames, tagFileModes, tagFileUserName, tagFileGroupName, tagFileFlags, tagFileLinkTos, tagFileDigests} {
		if !r.has(t) {
			r.fail(t, "not there")
		}
	}
	p.digestAlgo = algoMD5
	if r.has(tagFileDigestAlgo) {
		p.digestAlgo = r.number(tagFileDigestAlgo)
	}
	p.files = make([]File, n)
	for i := range n {
		if r.err != nil {
			return
		}
		if dirOf[i] >= uint64(len(dirs)) {
			r.fail(tagDirIndexes, "directory %d of %d", dirOf[i], len(dirs))
			return
		}
		path, err := filePath(dirs[dirOf[i]], bases[i], p.source)
		if err != nil {
			r.err = err
			return
		}
		if names += len(path); names > maxNames {
			r.fail(tagBaseNames, "%w: paths of more than %d bytes together", ErrLimit, maxNames)
			return
		}
		f := File{
			Path: path, Kind: modeKinds[uint32(modes[i])&0o170000], Mode: uint32(modes[i]) & 0o7777, User: users[i], Group: groups[i],
			Flags: FileFlags(flags[i]), Caps: caps[i], Lang: langs[i], Verify: verify[i],
		}
		switch f.Kind {
		case 0:
			r.fail(tagFileModes, "%s: mode %o: no kind of file", short(path), modes[i])
		case tree.Symlink:
			f.Link = links[i]
			if f.Link == "" || len(f.Link) > maxPath {
				r.fail(tagFileLinkTos, "%s: a target of %d bytes", short(path), len(f.Link))
			}
		case tree.CharDev, tree.BlockDev:
			f.Major, f.Minor = uint32(devices[i])>>8&0xff, uint32(devices[i])&0xff
		case tree.File:
			f.Size = int64(sizes[i])
			f.Digest = p.fileDigest(r, f, digests[i])
			if id := identity[i]; id.number != 0 && !f.Flags.Has(Ghost) {
				carriers[id] = append(carriers[id], i)
			}
		}
		p.files[i] = f
	}
	p.linkFiles(r, carriers)
	slices.SortFunc(p.files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	for i := 1; i < n; i++ {
		if p.files[i].Path == p.files[i-1].Path {
			r.fail(tagBaseNames, "%q: there twice", short(p.files[i].Path))
		}
	}
}

// inode is what links of one file have in common.
type inode struct{ device, number uint64 }

func (r *reader) inodes(n int) []inode {
	all := make([]inode, n)
	devices, numbers := r.numbersOf(n, tagFileDevices), r.numbersOf(n, tagFileInodes)
	for i := range all {
		all[i] = inode{devices[i], numbers[i]}
	}
	return all
}

// fileSizes returns the sizes, which stand in one of two tags.
func (r *reader) fileSizes(n int) []uint64 {
	t := tagFileSizes
	if r.has(tagLongFileSizes) {
		t = tagLongFileSizes
	}
	if !r.has(t) {
		r.fail(t, "not there")
	}
	all := r.numbersOf(n, t)
	for _, size := range all {
		if size > 1<<62 {
			r.fail(t, "%d bytes", size)
		}
	}
	return all
}

// fileDigest returns the digest of a regular file, zero for one that is not
// installed or has another digest than sha256.
func (p *RPM) fileDigest(r *reader, f File, s string) digest.Digest {
	if f.Flags.Has(Ghost) || p.digestAlgo != algoSHA256 {
		return digest.Digest{}
	}
	d, err := digest.ParseHex(s)
	if err != nil {
		r.fail(tagFileDigests, "%s: %w", short(f.Path), err)
	}
	return d
}

// linkFiles turns all paths of a file but the first into hard links. That paths
// are one file rpm knows by their device and inode number (rpm's lib/rpmfi.c); the
// numbers themselves mean nothing.
func (p *RPM) linkFiles(r *reader, carriers map[inode][]int) {
	for _, links := range carriers {
		first := links[0]
		for _, i := range links {
			if p.files[i].Path < p.files[first].Path {
				first = i
			}
		}
		carrier := p.files[first]
		for _, i := range links {
			f := &p.files[i]
			if i == first {
				continue
			}
			if f.Size != carrier.Size || f.Digest != carrier.Digest {
				r.fail(tagFileInodes, "%s and %s are one file, but differ", short(carrier.Path), short(f.Path))
			}
			f.Kind, f.Link, f.Size, f.Digest = tree.HardLink, carrier.Path, 0, digest.Digest{}
		}
	}
}
