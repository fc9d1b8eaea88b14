package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// callerStages are those before init; the others are in cell.stages.
func callerStages() []string {
	return []string{"caller", "scratch", "pipes", "clone", "uid map", "plan"}
}

// Check makes a real sandbox with an empty layer, up to the point where a
// program would start, and returns its stages in order, up to the first one
// that is refused. It works in a new directory in scratch, an existing
// directory on the file system where scratch directories will be, and removes
// it.
func Check(ctx context.Context, scratch string) []Stage {
	dir, err := os.MkdirTemp(scratch, "check-")
	if err != nil {
		return []Stage{{Name: "scratch", Err: err, Hint: hint("scratch", err, thisHost())}}
	}
	stages := check(ctx, dir)
	if err := RemoveScratch(dir); err != nil {
		stages = append(stages, Stage{Name: "removal", Err: err})
	}
	return stages
}

func check(ctx context.Context, dir string) []Stage {
	lower := filepath.Join(dir, "lower")
	if err := os.Mkdir(lower, 0o755); err != nil {
		return []Stage{{Name: "scratch", Err: err}}
	}
	s := Spec{Lower: []string{lower}, Scratch: dir, Argv: []string{"/"}, Limits: Limits{Memory: 1 << 30, Processes: 1000}}
	p, err := s.plan()
	if err != nil {
		return []Stage{{Name: "spec", Err: err}}
	}
	p.stop = true
	var why error
	watched := errors.New("not tried")
	l := launch{
		plan: p, namespaces: allNamespaces, limits: s.Limits, groups: s.Limits.groups(),
		copying: func(err error) { why = err }, trial: func(init int) { watched = tryView(init) },
	}
	rep, err := l.anyWay(ctx)

	var refused *StageError
	passed := append(callerStages(), rep.done...)
	if errors.As(err, &refused) {
		if i := slices.Index(callerStages(), refused.Stage); i >= 0 {
			passed = passed[:i]
		}
	}
	var stages []Stage
	for _, name := range passed {
		s := Stage{Name: name}
		if name == "copied root" {
			s = Stage{Name: "overlay", Instead: why, Hint: copyHint(why)}
		}
		stages = append(stages, s)
	}
	switch {
	case refused != nil:
		stages = append(stages, Stage{Name: refused.Stage, Err: refused.Err, Hint: refused.Hint})
	case err != nil:
		stages = append(stages, Stage{Name: "init", Err: fmt.Errorf("stopped: %w", err)})
	default:
		stages = append(stages, Stage{Name: "watch", Err: watched, Hint: hint("watch", watched, thisHost())})
	}
	return stages
}

// tryView looks at a sandbox as a watch does that keeps limits.
func tryView(init int) error {
	v, err := openView(init, nil)
	if err != nil {
		return err
	}
	defer v.close()
	_, _, _, err = v.held(plenty, 0, 0, 0)
	return err
}
