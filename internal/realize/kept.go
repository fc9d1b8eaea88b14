package realize

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/fuel-infra/pbuild/sandbox"
)

// keptName is the file of a kept build that says what ran last there.
const keptName = "last.json"

// keptProgram is a program of a build that was kept. Paths of the host are relative
// to the kept directory.
type keptProgram struct {
	Scratch string         `json:"scratch"`        // e.g. "root2"
	Over    []string       `json:"over,omitempty"` // layers with what was needed, which the program saw
	Binds   []sandbox.Bind `json:"binds"`
	Argv    []string       `json:"argv"`
	Dir     string         `json:"dir"`
}

// keepFailed leaves what people look at after a failed build: the log, and
// the scratch directory where that was asked for.
func (s *site) keepFailed(err error) error {
	err = errors.Join(err, s.keepLog())
	if !s.KeepFailed {
		return err
	}
	// Overlayfs leaves a directory that not even its owner may enter.
	works, globErr := filepath.Glob(filepath.Join(s.scratch.Dir, "root*", "work"))
	for _, work := range works {
		globErr = errors.Join(globErr, sandbox.RemoveScratch(work))
	}
	globErr = errors.Join(globErr, s.keepLast())
	dir, keepErr := s.Store.KeepFailedBuild(s.node.Key, s.scratch)
	return &KeptError{Err: errors.Join(err, globErr, keepErr), Dir: dir}
}

func (s *site) keepLog() error {
	_, err := s.log.Seek(0, io.SeekStart)
	return errors.Join(err, s.Store.KeepFailedLog(s.node.Key, s.log))
}

// keepLast writes down what ran last; nothing where no program did.
func (s *site) keepLast() (err error) {
	if s.last.Argv == nil {
		return nil
	}
	relative := func(host string) string {
		rel, relErr := filepath.Rel(s.scratch.Dir, host)
		err = errors.Join(err, relErr)
		return rel
	}
	k := keptProgram{Scratch: relative(s.last.Scratch), Argv: s.last.Argv, Dir: s.last.Dir}
	for _, layer := range s.over {
		k.Over = append(k.Over, relative(layer))
	}
	for _, b := range s.last.Binds {
		b.Host = relative(b.Host)
		k.Binds = append(k.Binds, b)
	}
	if err != nil {
		return err
	}
	text, err := json.Marshal(k)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(s.scratch.Dir, keptName), text, 0o600)
}

// readKept returns the program that ran last in a kept build, and the directory
// with what it changed, over what it needed: fs.ErrNotExist where that was not
// written down.
func readKept(dir string) (program sandbox.Spec, upper []string, err error) {
	text, err := os.ReadFile(filepath.Join(dir, keptName))
	if err != nil {
		return program, nil, err
	}
	var k keptProgram
	if err := json.Unmarshal(text, &k); err != nil {
		return program, nil, fmt.Errorf("kept build: %s: %w", keptName, err)
	}
	local := func(name string) string {
		if !filepath.IsLocal(name) {
			err = fmt.Errorf("kept build: %s: %q leads outside", keptName, name)
		}
		return filepath.Join(dir, name)
	}
	program = sandbox.Spec{Argv: k.Argv, Dir: k.Dir}
	for _, b := range k.Binds {
		b.Host = local(b.Host)
		program.Binds = append(program.Binds, b)
	}
	for _, layer := range k.Over {
		upper = append(upper, local(layer))
	}
	return program, append(upper, filepath.Join(local(k.Scratch), "upper")), err
}
