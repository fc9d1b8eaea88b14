package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"github.com/fuel-infra/pbuild/internal/event"
	"github.com/fuel-infra/pbuild/internal/outdir"
	"github.com/fuel-infra/pbuild/internal/realize"
)

// recordFlags are the flags of a verb that leaves records of its run.
func recordFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "events", Usage: "write what happens to `FILE`, a JSON object a line"},
		&cli.StringFlag{Name: "junit", Usage: "write what came of it to `FILE`, as JUnit XML"},
	}
}

// recording is what a run leaves in the files that --events and --junit name.
type recording struct {
	con    *console
	files  *recordFiles  // nil in a worker: its parent has them
	stream *event.Stream // nil: not asked for
	junit  *junit        // nil: not asked for
}

// openRecording begins the record that the flags ask for, if any.
func (c *console) openRecording(flags *cli.Context) (r *recording, err error) {
	r = &recording{con: c}
	if c.worker == nil {
		if r.files, err = openRecordFiles(flags); err != nil {
			return nil, err
		}
	}
	if flags.String("events") != "" {
		var w io.Writer = parentEvents{c.worker}
		if c.worker == nil {
			w = r.files.events
		}
		r.stream = event.NewStream(w, c.now())
	}
	if flags.String("junit") != "" {
		r.junit = newJUnit(c.now(), c.again)
	}
	return r, nil
}

// over returns a renderer that shows as view does, and records.
func (r *recording) over(view renderer) renderer { return recorded{view, r} }

type recorded struct {
	renderer
	record *recording
}

func (r recorded) event(e event.Event) {
	if r.record.stream != nil {
		r.record.stream.Event(e)
	}
	if r.record.junit != nil {
		r.record.junit.event(e)
	}
	r.renderer.event(e)
}

// end completes the record of a run that ended with err, and returns err joined
// with what kept the record from being written.
func (r *recording) end(verb string, err error) error {
	var failed error
	if r.stream != nil && r.stream.Err() != nil {
		failed = fmt.Errorf("--events: %v", r.stream.Err())
	}
	if r.junit != nil {
		failed = errors.Join(failed, r.putJUnit())
	}
	if r.files != nil {
		failed = errors.Join(failed, r.files.close())
	}
	return unrecorded(verb, err, failed)
}

// unrecorded joins the error of a run with that of its record; the exit code is
// the run's.
func unrecorded(verb string, err, failed error) error {
	var run *exitError
	switch {
	case failed == nil:
		return err
	case errors.As(err, &run) && run.err == nil: // shown already
		return &exitError{run.code, fmt.Errorf("%s: %w", verb, failed)}
	}
	return errors.Join(err, fmt.Errorf("%s: %w", verb, failed))
}

// putJUnit writes the report. Of a run that never came to a derivation there is
// none.
func (r *recording) putJUnit() error {
	body, err := r.junit.report(r.con.now())
	if err != nil || body == nil {
		return err
	}
	if r.con.worker != nil {
		return r.con.worker.Put(kindJUnit, "report", int64(len(body)), bytes.NewReader(body))
	}
	r.files.putJUnit(bytes.NewReader(body))
	return nil
}

// parentEvents hands each write to the parent.
type parentEvents struct{ worker *workerSide }

func (p parentEvents) Write(line []byte) (int, error) {
	if err := p.worker.Put(kindEvents, "line", int64(len(line)), bytes.NewReader(line)); err != nil {
		return 0, err
	}
	return len(line), nil
}

// recordFiles are the files themselves, which the process of the user writes. What
// goes wrong is told at the end: a build does not stop for it. Errors are kept as
// text: the hint for a full disk is about the store's.
type recordFiles struct {
	events *os.File // nil: not asked for
	junit  string   // path; empty: not asked for
	err    error    // the first
}

// openRecordFiles empties the file of events, which may be a pipe, and removes
// the report of an earlier run: nobody shall take it for this one's.
func openRecordFiles(flags *cli.Context) (*recordFiles, error) {
	f := &recordFiles{junit: flags.String("junit")}
	if f.junit != "" {
		if err := removeReport(f.junit); err != nil {
			return nil, fmt.Errorf("--junit: %w", err)
		}
	}
	if path := flags.String("events"); path != "" {
		var err error
		if f.events, err = outdir.OpenFile(path); err != nil {
			return nil, fmt.Errorf("--events: %w", err)
		}
	}
	return f, nil
}

// removeReport removes the report of an earlier run, if there is one.
func removeReport(path string) error {
	dir, err := outdir.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer dir.Close()
	name := filepath.Base(path)
	info, err := dir.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s: no regular file", path)
	}
	return dir.Remove(name)
}

// maxRecord bounds what a worker hands over for a record at once, in bytes.
const maxRecord = 64 << 20

// take writes what a worker hands over; false: nothing that was asked for. The
// error is that of reading.
func (f *recordFiles) take(kind string, r io.Reader) (asked bool, err error) {
	if !(kind == kindEvents && f.events != nil || kind == kindJUnit && f.junit != "") {
		return false, nil
	}
	// Whole, since a worker that dies leaves no half of a line.
	body, err := io.ReadAll(io.LimitReader(r, maxRecord+1))
	switch {
	case err != nil:
		return true, err
	case len(body) > maxRecord:
		return true, fmt.Errorf("worker: hands over more than %d bytes of %s", maxRecord, kind)
	case kind == kindJUnit:
		f.putJUnit(bytes.NewReader(body))
	case f.err == nil:
		if _, err := f.events.Write(body); err != nil {
			f.err = fmt.Errorf("--events: %v", err)
		}
	}
	return true, nil
}

// putJUnit writes the report, whole or not at all.
func (f *recordFiles) putJUnit(r io.Reader) {
	if err := realize.PutFile(filepath.Dir(f.junit), filepath.Base(f.junit), r); err != nil {
		f.err = errors.Join(f.err, fmt.Errorf("--junit: %v", err))
	}
}

// close returns what kept the files from being written.
func (f *recordFiles) close() error {
	if f.events != nil {
		if err := f.events.Close(); err != nil {
			f.err = errors.Join(f.err, fmt.Errorf("--events: %v", err))
		}
	}
	return f.err
}
