package testenv

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"

	"github.com/fuel-infra/pbuild/sandbox"
)

// jobVariable makes this executable do a job for root, as the place's owner.
const jobVariable = "PBUILD_TESTENV_JOB"

// job is what only the place's owner can do: make a store, or run a tool.
type job struct {
	Store  string // to be made
	Images []string

	Image string // whose tool it is
	Binds []sandbox.Bind
	Argv  []string
}

// do does a job in this process, or in one of the place's owner where this one
// is root's.
func (p place) do(ctx context.Context, j job, out io.Writer) error {
	if os.Geteuid() != 0 {
		return p.carryOut(ctx, j, out)
	}
	text, err := json.Marshal(j)
	if err != nil {
		return err
	}
	dir, done, err := p.newDir("job")
	if err != nil {
		return err
	}
	err = p.runAsOwner(ctx, dir, nil, []string{jobVariable + "=" + string(text)}, out)
	return errors.Join(err, done())
}

// doJob is what the process of the owner does.
func doJob(text string) error {
	var j job
	if err := json.Unmarshal([]byte(text), &j); err != nil {
		return err
	}
	p, err := findPlace()
	if err != nil {
		return err
	}
	return p.carryOut(context.Background(), j, os.Stdout)
}

func (p place) carryOut(ctx context.Context, j job, out io.Writer) error {
	if j.Store != "" {
		return p.makeStore(ctx, j.Store, j.Images)
	}
	return p.runTool(ctx, out, j.Image, j.Binds, j.Argv)
}
