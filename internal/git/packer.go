package git

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/fuel-infra/pbuild/internal/tree"
)

// packer turns the tree of a commit into a tar stream for tree.Unpack: git
// ls-tree says what there is, git cat-file gives the bytes, one process each for
// all files.
type packer struct {
	*session
	repo  string
	epoch int64

	// What the tree holds, for submodules; there after unpack.
	links   []gitlink
	modules string // blob of .gitmodules, when it is a file
}

type gitlink struct{ path, id string }

// unpack writes the tree into dir. Three things go on at the same time: the
// listing, which asks for files in batches; the packing of what comes; and
// tree.Unpack. The first that fails ends the others.
func (p *packer) unpack(ctx context.Context, id, dir string, limits tree.Limits) (tree.Ledger, error) {
	outer := ctx
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()

	cat := p.command(ctx, p.repo, "cat-file", "--batch-command", "--buffer")
	said := newSaid(nil)
	cat.Stderr = said
	requests, err := cat.StdinPipe()
	if err != nil {
		return nil, err
	}
	bytes, err := startInto(cat)
	if err != nil {
		return nil, err
	}
	archive, packed, err := pipe()
	if err != nil {
		cancel()
		return nil, errors.Join(err, bytes.Close(), cat.Wait())
	}

	asked := make(chan []object, 4)
	listed, wrote := make(chan error, 1), make(chan error, 1)
	go func() {
		err := p.list(ctx, id, requests, asked)
		close(asked)
		requests.Close()
		if err != nil {
			cancel()
		}
		listed <- err
	}()
	go func() {
		err := p.pack(asked, bytes, packed)
		packed.Close()
		if err != nil {
			cancel()
		}
		wrote <- err
	}()
	ledger, unpackErr := tree.Unpack(ctx, bufio.NewReaderSize(archive, 128<<10), dir, tree.UnpackOptions{Limits: limits})
	archive.Close()
	if unpackErr != nil {
		cancel()
	}
	listErr, packErr := <-listed, <-wrote
	bytes.Close()
	catErr := cat.Wait()
	if outer.Err() != nil {
		return nil, outer.Err()
	}
	if catErr != nil {
		catErr = &runError{"cat-file", said, catErr}
	}
	// What one says because another one has ended is not the reason.
	for _, err := range []error{unpackErr, listErr, packErr, catErr} {
		if err != nil && !ending(err) {
			return nil, err
		}
	}
	for _, err := range []error{listErr, packErr, unpackErr, catErr} {
		if err != nil {
			return nil, err
		}
	}
	return ledger, nil
}

// ending reports whether an error only says that somebody else has ended.
func ending(err error) bool {
	var exit *exec.ExitError
	return errors.Is(err, syscall.EPIPE) || errors.Is(err, context.Canceled) || errors.Is(err, os.ErrClosed) ||
		errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &exit) && !exit.Exited()
}

// startInto starts a command and returns what it prints.
func startInto(cmd *exec.Cmd) (*os.File, error) {
	out, in, err := pipe()
	if err != nil {
		return nil, err
	}
	cmd.Stdout = in
	err = cmd.Start()
	in.Close()
	if err != nil {
		out.Close()
		return nil, err
	}
	return out, nil
}

// pipe returns a pipe that holds a megabyte, where the kernel lets us have one:
// both ends then run without waiting for each other at each file.
func pipe() (out, in *os.File, err error) {
	if out, in, err = os.Pipe(); err != nil {
		return nil, nil, err
	}
	if conn, err := in.SyscallConn(); err == nil {
		_ = conn.Control(func(fd uintptr) { _, _ = unix.FcntlInt(fd, unix.F_SETPIPE_SZ, 1<<20) })
	}
	return out, in, nil
}
