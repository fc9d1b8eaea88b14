package git

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/fuel-infra/pbuild/internal/tree"
)

const (
	batchSize = 512      // entries that are asked for at once
	maxRecord = 64 << 10 // bytes of a line of git ls-tree
)

// object is one line of git ls-tree: «MODE KIND ID ⇥ PATH».
type object struct{ mode, kind, id, path string }

// list reads the tree, asks for its files, and passes on what it asked for.
func (p *packer) list(ctx context.Context, id string, requests io.Writer, asked chan<- []object) error {
	cmd := p.command(ctx, p.repo, "ls-tree", "-r", "-t", "-z", "--full-tree", "--end-of-options", id)
	said := newSaid(nil)
	cmd.Stderr = said
	out, err := startInto(cmd)
	if err != nil {
		return err
	}
	err = p.read(ctx, out, requests, asked)
	out.Close()
	ended := cmd.Wait()
	if err == nil && ended != nil {
		err = &runError{"ls-tree", said, ended}
	}
	return err
}

func (p *packer) read(ctx context.Context, out io.Reader, requests io.Writer, asked chan<- []object) error {
	lines := bufio.NewReaderSize(out, maxRecord)
	var batch []object
	var ask bytes.Buffer
	send := func() error {
		ask.WriteString("flush\n")
		if _, err := requests.Write(ask.Bytes()); err != nil {
			return err
		}
		ask.Reset()
		select {
		case asked <- batch:
		case <-ctx.Done():
			return ctx.Err()
		}
		batch = nil
		return nil
	}
	for {
		line, err := lines.ReadSlice(0)
		switch {
		case err == io.EOF && len(line) == 0:
			if len(batch) == 0 {
				return nil
			}
			return send()
		case errors.Is(err, bufio.ErrBufferFull):
			return fmt.Errorf("%w: path: more than %d bytes", tree.ErrLimit, maxRecord)
		case err == io.EOF:
			return io.ErrUnexpectedEOF
		case err != nil:
			return err
		}
		o, err := parseObject(string(line[:len(line)-1]))
		if err != nil {
			return err
		}
		if err := checkName(o.path); err != nil {
			return err
		}
		switch {
		case o.kind == "blob":
			ask.WriteString("contents " + o.id + "\n")
			if o.path == ".gitmodules" && o.mode != modeLink {
				p.modules = o.id
			}
		case o.mode == modeGitlink:
			p.links = append(p.links, gitlink{o.path, o.id})
		}
		if batch = append(batch, o); len(batch) == batchSize {
			if err := send(); err != nil {
				return err
			}
		}
	}
}

// The modes that git ls-tree prints, whatever a tree holds: other kinds of files
// come as gitlinks, other permissions as one of these.
const (
	modeFile    = "100644"
	modeProgram = "100755"
	modeLink    = "120000"
	modeGitlink = "160000"
	modeTree    = "040000"
)

var kindOfMode = map[string]string{
	modeFile: "blob", modeProgram: "blob", modeLink: "blob", modeGitlink: "commit", modeTree: "tree",
}

func parseObject(line string) (object, error) {
	head, path, ok := strings.Cut(line, "\t")
	f := strings.Split(head, " ")
	if !ok || len(f) != 3 || !isID(f[2]) {
		return object{}, fmt.Errorf("git ls-tree: can't read %q", clean(line, 80))
	}
	if kind := kindOfMode[f[0]]; kind != f[1] {
		return object{}, fmt.Errorf("%w: %q: mode %s of a %s", tree.ErrUnsafe, clean(path, 200), f[0], f[1])
	}
	return object{f[0], f[1], f[2], path}, nil
}
