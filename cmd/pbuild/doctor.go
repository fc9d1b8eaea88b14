package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"

	"github.com/fuel-infra/pbuild/sandbox"
	"github.com/fuel-infra/pbuild/store"
)

// leastFree is what a write session of the store wants.
const leastFree = 64 << 20

// finding is one row of the doctor's answer.
type finding struct {
	OK    bool   `json:"ok"`
	Check string `json:"check"`
	Note  string `json:"note,omitempty"` // an error when not OK
	Hint  string `json:"hint,omitempty"` // what to type or change
}

func doctorVerb(con *console) *cli.Command {
	return &cli.Command{
		Name:  "doctor",
		Usage: "say whether this machine can build, and what to change",
		Description: examples("pbuild doctor", "pbuild doctor --json") +
			`
It sets up a real sandbox, stage by stage, and writes into the store. Where
something is refused it says what to type: a sysctl, options of docker, podman
and kubernetes, or an AppArmor profile for this program. Exits 1 then; nothing
is built without the sandbox.

"sandbox overlay … refused" is no failure: where a store can't be under an
overlay, as in a container without a volume, each program of a build works in a
copy of its image. The same packages come out, seconds later, and a build needs
the room of its image, half a gigabyte, once more. A volume for --store DIR
makes it fast.
`,
		Before: takes(0, 0, ""),
		Action: func(c *cli.Context) error {
			conf, err := settings(con, placesOf(c))
			if err != nil {
				return fmt.Errorf("doctor: %w", err)
			}
			return showFindings(con, examine(c.Context, conf.Store.Value, con.again))
		},
	}
}

// examine tries what a build needs: the store in dir, then the sandbox.
func examine(ctx context.Context, dir string, again repeated) []finding {
	found, scratch, done := examineStore(dir, again)
	defer done()
	if scratch == "" {
		return append(found, finding{Check: "sandbox", Note: "not tried: no place for its files"})
	}
	for _, s := range sandbox.Check(ctx, scratch) {
		f := finding{OK: s.Err == nil, Check: "sandbox " + s.Name, Hint: s.Hint}
		switch {
		case s.Err != nil:
			f.Note = s.Err.Error()
		case s.Instead != nil:
			f.Note = "refused (" + s.Instead.Error() + "): images are copied instead, for each program of a build"
		}
		found = append(found, f)
	}
	return append(found, examineLimits())
}

// examineLimits says who counts what builds take. Each way is good.
func examineLimits() finding {
	if sandbox.Means() == sandbox.MeansGroup {
		return finding{OK: true, Check: "limits", Note: "memory and processes by the kernel, in control groups"}
	}
	return finding{OK: true, Check: "limits", Note: "memory and processes are watched; by the kernel:  systemd-run --user --scope -p Delegate=yes pbuild …"}
}

// examineStore opens the store and writes a file. It returns a directory for
// the sandbox's trial, empty when there is none, and what removes it.
func examineStore(dir string, again repeated) (found []finding, scratch string, done func()) {
	done = func() {}
	bad := func(check string, err error) []finding {
		f := finding{Check: check, Note: err.Error()}
		if h := hints(err, again); len(h) > 0 {
			f.Hint = h[0]
		}
		return append(found, f)
	}
	s, err := store.Open(dir)
	if err != nil {
		return bad("store", err), "", done
	}
	sc, err := s.Scratch("doctor")
	if err != nil {
		return bad("store", errors.Join(err, s.Close())), "", done
	}
	done = func() { sc.Close(); s.Close() }
	if err := os.WriteFile(sc.Dir+"/probe", make([]byte, 4096), 0o600); err != nil {
		return bad("store", err), "", done
	}
	found = append(found, finding{OK: true, Check: "store", Note: dir})
	var fs unix.Statfs_t
	if err := unix.Statfs(sc.Dir, &fs); err != nil {
		return bad("store space", &os.PathError{Op: "statfs", Path: sc.Dir, Err: err}), sc.Dir, done
	}
	free := int64(fs.Bavail) * fs.Bsize
	if free < leastFree {
		return bad("store space", &store.SpaceError{Path: dir, Free: free}), sc.Dir, done
	}
	return append(found, finding{OK: true, Check: "store space", Note: sizeText(free) + " free"}), sc.Dir, done
}

func showFindings(con *console, found []finding) error {
	var rows [][]cell
	failed := 0
	for _, f := range found {
		word := "ok"
		if !f.OK {
			word, failed = "FAIL", failed+1
		}
		if con.json {
			if err := con.object(f); err != nil {
				return err
			}
		}
		rows = append(rows, []cell{plain(word), plain(f.Check), plain(f.Note)})
	}
	if !con.json {
		if err := con.table(rows); err != nil {
			return err
		}
	}
	for _, f := range found {
		if !f.OK || f.Hint != "" { // with a hint: it works, but not as it could
			con.trouble("doctor: "+f.Check+": "+f.Note, f.Hint)
		}
	}
	if failed == 0 {
		return nil
	}
	return &exitError{code: exitFailed}
}
