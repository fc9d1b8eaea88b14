package worker

import (
	"archive/tar"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/fuel-infra/pbuild/internal/tree"
)

// Name is a worker's argv[0].
const Name = "pbuild-worker"

const maxInfo = 1 << 20

// Is reports whether this process was started by Run. It is only a name: a
// process that takes it gains nothing, since it is unprivileged itself.
func Is() bool { return len(os.Args) > 0 && os.Args[0] == Name }

// Side is the worker's end of the pipes.
type Side struct {
	Info []byte

	in  *os.File
	out *os.File

	mu  sync.Mutex // held while one file is handed over
	tar *tar.Writer
}

// Join takes up the pipes and reads the Info of the Job.
func Join() (*Side, error) {
	if os.Geteuid() == 0 {
		return nil, errors.New("worker: runs as root")
	}
	unix.CloseOnExec(3)
	unix.CloseOnExec(4)
	s := &Side{in: os.NewFile(3, "from parent"), out: os.NewFile(4, "to parent")}
	var head [4]byte
	if _, err := io.ReadFull(s.in, head[:]); err != nil {
		return nil, fmt.Errorf("worker: started by hand? %w", err)
	}
	n := binary.BigEndian.Uint32(head[:])
	if n > maxInfo {
		return nil, errors.New("worker: info too long")
	}
	s.Info = make([]byte, n)
	if _, err := io.ReadFull(s.in, s.Info); err != nil {
		return nil, fmt.Errorf("worker: %w", err)
	}
	s.tar = tar.NewWriter(s.out)
	return s, nil
}

// Unpack puts the trees into the empty directory dir, each into a folder of its
// name. It can be called once.
func (s *Side) Unpack(ctx context.Context, dir string) error {
	l, err := tree.Unpack(ctx, s.in, dir, tree.UnpackOptions{})
	if err == nil {
		err = tree.SetDirs(dir, l)
	}
	if err != nil {
		return fmt.Errorf("worker: files: %w", err)
	}
	return nil
}

// Put hands a file over to the parent, which knows what kind is for. It may be
// called from several goroutines at once.
func (s *Side) Put(kind, name string, size int64, r io.Reader) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.tar.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: kind + "/" + name, Mode: 0o644, Size: size})
	if err != nil {
		return err
	}
	if _, err := io.Copy(s.tar, r); err != nil {
		return err
	}
	return s.tar.Flush()
}

// Close ends what is handed over.
func (s *Side) Close() error {
	return errors.Join(s.tar.Close(), s.in.Close(), s.out.Close())
}
