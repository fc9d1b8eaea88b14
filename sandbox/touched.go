package sandbox

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// touchedFiles notes what the looks of a copy do not tell afterwards, as paths relative to it:
// files that were opened for writing, since overlayfs copies a file up then, whether or not
// anything is written, and a layer holds it; and directories, with a slash at the end, that were
// removed or moved away: one in their place hides what the layers have there.
type touchedFiles struct {
	queue *os.File
	dirs  map[uint32]string // by watch; relative to the copy, with a slash at the end
	names map[string]bool   // of what was there in the copy: whether it was touched
	done  chan error
}

// watchCopy begins at the directories that are there: a file elsewhere is new.
func watchCopy(root string) (_ *touchedFiles, err error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, watchError(err)
	}
	o := &touchedFiles{
		queue: os.NewFile(uintptr(fd), "inotify"), dirs: map[uint32]string{}, names: map[string]bool{},
		done: make(chan error, 1),
	}
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrPermission):
			return fs.SkipDir // nor can the program open what is in there
		case err != nil:
			return err
		case !d.IsDir():
			o.names[path[len(root)+1:]] = false
			return nil
		}
		wd, err := unix.InotifyAddWatch(fd, path, unix.IN_CLOSE_WRITE|unix.IN_DELETE_SELF|unix.IN_MOVE_SELF|unix.IN_ONLYDIR|unix.IN_DONT_FOLLOW)
		if errors.Is(err, unix.EACCES) {
			return fs.SkipDir
		}
		if err != nil {
			return watchError(err)
		}
		dir := strings.TrimPrefix(path[len(root):]+"/", "/")
		o.dirs[uint32(wd)], o.names[dir] = dir, false
		return nil
	})
	if err != nil {
		o.queue.Close()
		return nil, err
	}
	go func() { o.done <- o.read() }()
	return o, nil
}

var errNoWatches = errors.New("no more watches are allowed") // no disk is full

func watchError(err error) error {
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EMFILE) {
		err = errNoWatches
	}
	return fmt.Errorf("inotify: %w", err)
}

// end returns what was touched. It is called when all processes are gone that could.
func (o *touchedFiles) end() ([]string, error) {
	defer o.queue.Close()
	err := o.queue.SetReadDeadline(time.Now())
	if err = cmp.Or(<-o.done, err); err != nil {
		return nil, err
	}
	maps.DeleteFunc(o.names, func(_ string, touched bool) bool { return !touched })
	return slices.Sorted(maps.Keys(o.names)), nil
}

// read takes events in until the deadline, and then those that are there by then.
func (o *touchedFiles) read() error {
	buf := make([]byte, 64<<10)
	for {
		n, err := o.queue.Read(buf)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			break
		}
		if err == nil {
			err = o.note(buf[:n])
		}
		if err != nil {
			return err
		}
	}
	raw, err := o.queue.SyscallConn()
	if err != nil {
		return err
	}
	if err := o.queue.SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	for {
		n := 0
		if err := raw.Read(func(fd uintptr) bool {
			n, err = unix.Read(int(fd), buf)
			return true
		}); err != nil {
			return err
		}
		if errors.Is(err, unix.EAGAIN) {
			return nil
		}
		if err == nil {
			err = o.note(buf[:n])
		}
		if err != nil {
			return err
		}
	}
}

// note reads events: struct inotify_event of inotify(7).
func (o *touchedFiles) note(b []byte) error {
	for len(b) >= unix.SizeofInotifyEvent {
		wd, mask := binary.NativeEndian.Uint32(b), binary.NativeEndian.Uint32(b[4:])
		n := unix.SizeofInotifyEvent + int(binary.NativeEndian.Uint32(b[12:]))
		if mask&unix.IN_Q_OVERFLOW != 0 {
			return errors.New("inotify: events were lost")
		}
		name := strings.TrimRight(string(b[unix.SizeofInotifyEvent:n]), "\x00")
		if dir, ok := o.dirs[wd]; ok && mask&(unix.IN_CLOSE_WRITE|unix.IN_DELETE_SELF|unix.IN_MOVE_SELF) != 0 {
			name = dir + name // the name is empty for the directory itself
			// Another file is new, and a program can make as many as it likes.
			if _, there := o.names[name]; there {
				o.names[name] = true
			}
		}
		b = b[n:]
	}
	return nil
}
