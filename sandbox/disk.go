package sandbox

import (
	"errors"

	"golang.org/x/sys/unix"
)

// blocksBelow returns the bytes of the blocks below directories of the host, those
// of a file with several names once. What can't be listed, for want of rights or
// because its path is too long, is not counted. It follows no link and stays in
// the file system; stop is asked now and then.
func blocksBelow(dirs []string, stop func() bool) (used int64, err error) {
	for _, dir := range dirs {
		n, err := blocks(dir, stop)
		if err != nil {
			return 0, err
		}
		used += n
	}
	return used, nil
}

func blocks(dir string, stop func() bool) (used int64, err error) {
	root, err := unix.Open(dir, pathFlags|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if errors.Is(err, unix.ENOENT) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer unix.Close(root)
	linked := map[uint64]bool{}
	buf := make([]byte, 64<<10)
	// The last one first: the list stays as short as directories are deep and wide. It
	// has no paths, which can be long.
	for todo := []*trail{nil}; len(todo) > 0 && !stop(); {
		dir := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		fd, err := unix.Openat2(root, "./"+dir.path(), &unix.OpenHow{
			Flags:   unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC,
			Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_XDEV,
		})
		if err != nil {
			continue
		}
		for !stop() {
			n, err := unix.ReadDirent(fd, buf)
			if err != nil || n == 0 {
				break
			}
			_, _, names := unix.ParseDirent(buf[:n], -1, nil)
			for _, child := range names {
				var st unix.Stat_t
				if unix.Fstatat(fd, child, &st, unix.AT_SYMLINK_NOFOLLOW) != nil {
					continue
				}
				isDir := st.Mode&unix.S_IFMT == unix.S_IFDIR
				if st.Nlink > 1 && !isDir {
					if linked[st.Ino] {
						continue
					}
					linked[st.Ino] = true
				}
				used += st.Blocks * 512
				if isDir {
					todo = append(todo, dir.below(child))
				}
			}
		}
		unix.Close(fd)
	}
	return used, nil
}

// freeOf returns the bytes that an ordinary user can still write to the file
// system of a directory, and how many files; -1 where it does not count them.
func freeOf(dir string) (bytes, inodes int64, err error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, 0, err
	}
	inodes = -1
	if st.Files > 0 {
		inodes = int64(st.Ffree)
	}
	return int64(st.Bavail) * st.Bsize, inodes, nil
}
