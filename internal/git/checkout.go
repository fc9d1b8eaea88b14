package git

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/fuel-infra/pbuild/internal/tree"
)

// What a checkout may have; the last two where Options do not say.
const (
	maxSubmodules = 256 // those of submodules too
	maxNesting    = 8   // submodules in submodules
	maxEntries    = 1_000_000
	maxBytes      = 16 << 30
)

// checkout is one call of Checkout: what is left of its limits.
type checkout struct {
	*session
	options Options
	left    int // submodules
}

func newCheckout(s *session, o Options) *checkout {
	if o.Limits.Entries == 0 {
		o.Limits.Entries = maxEntries
	}
	if o.Limits.Bytes == 0 {
		o.Limits.Bytes = maxBytes
	}
	return &checkout{session: s, options: o, left: maxSubmodules}
}

// run puts a commit, and its submodules, into dir.
func (c *checkout) run(ctx context.Context, r Remote, id, dir string, nesting int) (Commit, error) {
	names, err := os.ReadDir(dir)
	if err != nil {
		return Commit{}, err
	}
	if len(names) > 0 {
		return Commit{}, fmt.Errorf("%s: not empty", dir)
	}
	repo, err := c.commit(ctx, r, id, files, c.options.Progress)
	if err != nil {
		return Commit{}, err
	}
	epoch, err := c.epoch(ctx, repo, id)
	if err != nil {
		return Commit{}, fmt.Errorf("%s: commit %s: %w", r.name(), short(id), err)
	}
	p := &packer{session: c.session, repo: repo, epoch: epoch}
	ledger, err := p.unpack(ctx, id, dir, c.options.Limits)
	if err != nil {
		return Commit{}, fmt.Errorf("%s: commit %s: %w", r.name(), short(id), err)
	}
	c.spend(ledger)
	if c.options.Submodules && len(p.links) > 0 {
		if err := c.submodules(ctx, r, repo, p, dir, nesting); err != nil {
			return Commit{}, fmt.Errorf("%s: commit %s: %w", r.name(), short(id), err)
		}
	}
	return Commit{ID: id, Epoch: epoch}, os.RemoveAll(repo)
}

// spend takes what a tree has cost off the limits.
func (c *checkout) spend(l tree.Ledger) {
	c.options.Limits.Entries -= len(l)
	for _, e := range l {
		c.options.Limits.Bytes -= e.Size
	}
}

// epoch returns the committer's date of a commit, as its object says it.
func (s *session) epoch(ctx context.Context, repo, id string) (int64, error) {
	text, err := s.output(ctx, repo, 16<<20, "cat-file", "commit", id)
	if err != nil {
		return 0, err
	}
	return committerDate(string(text))
}

// submodules fetches what the gitlinks of a commit name.
func (c *checkout) submodules(ctx context.Context, r Remote, repo string, p *packer, dir string, nesting int) error {
	if nesting == maxNesting {
		return fmt.Errorf("%w: submodules: more than %d in each other", tree.ErrLimit, maxNesting)
	}
	urls, err := c.submoduleURLs(ctx, repo, p.modules)
	if err != nil {
		return err
	}
	for _, l := range p.links {
		if c.left--; c.left < 0 {
			return fmt.Errorf("%w: submodules: more than %d", tree.ErrLimit, maxSubmodules)
		}
		if c.options.Limits.Entries <= 0 || c.options.Limits.Bytes <= 0 {
			return fmt.Errorf("%w: submodule %s: nothing is left for it", tree.ErrLimit, clean(l.path, 200))
		}
		sub, err := submoduleRemote(r, urls[l.path])
		if err != nil {
			return fmt.Errorf("submodule %s: %w", clean(l.path, 200), err)
		}
		// The directories above were made by tree.Unpack, which checked that none
		// is a symlink.
		if _, err := c.run(ctx, sub, l.id, filepath.Join(dir, filepath.FromSlash(l.path)), nesting+1); err != nil {
			return fmt.Errorf("submodule %s: %w", clean(l.path, 200), err)
		}
	}
	return nil
}

// submoduleRemote says where a submodule is. A relative URL stands for one
// beside each of the parent's.
func submoduleRemote(parent Remote, raw string) (Remote, error) {
	if raw == "" {
		return Remote{}, errors.New(".gitmodules does not say where it is")
	}
	if !strings.HasPrefix(raw, "./") && !strings.HasPrefix(raw, "../") {
		return Remote{URLs: []string{raw}}, CheckURL(raw)
	}
	if len(parent.URLs) == 0 {
		return Remote{}, fmt.Errorf("URL %s: relative to a repository of this machine: not taken", shown(raw))
	}
	var out Remote
	for _, base := range parent.URLs {
		u, err := relative(base, raw)
		if err == nil {
			err = CheckURL(u)
		}
		if err != nil {
			return Remote{}, err
		}
		out.URLs = append(out.URLs, u)
	}
	return out, nil
}
