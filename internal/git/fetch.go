package git

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
)

// depth is how much of a commit is needed.
type depth int

const (
	files      depth = iota // its tree and all its files
	onlyCommit              // the commit object
	history                 // the commit objects of its history
)

func (d depth) flags() []string {
	switch d {
	case onlyCommit:
		return []string{"--depth=1", "--filter=tree:0"}
	case history:
		return []string{"--update-shallow", "--filter=tree:0"}
	}
	return []string{"--depth=1"}
}

// commit brings a commit from one of r's sources into a new bare repository and
// returns its path.
func (s *session) commit(ctx context.Context, r Remote, id string, d depth, progress func(string, int64, int64)) (repo string, err error) {
	refusing := map[string]bool{}
	try := func(src source) error {
		var err error
		if repo, err = s.exact(ctx, src, id, d, progress); err == nil {
			return s.checkCommit(ctx, src, repo, id, d)
		}
		var f *failure
		if errors.As(err, &f) && f.kind == unadvertised {
			refusing[src.name] = true
		}
		return err
	}
	err = s.each(ctx, r, "commit "+short(id), id, try)
	if err == nil || len(refusing) == 0 || ctx.Err() != nil {
		return repo, err
	}
	// Nobody gave it by its id. Those who refused to may have it in the history
	// of a branch or a tag: that costs more, so it comes last.
	return repo, s.each(ctx, r, "commit "+short(id), id, func(src source) error {
		if !refusing[src.name] {
			return try(src)
		}
		var err error
		if repo, err = s.whole(ctx, src, id, d, progress); err != nil {
			return err
		}
		return s.checkCommit(ctx, src, repo, id, d)
	})
}

// exact asks for a commit by its id.
func (s *session) exact(ctx context.Context, src source, id string, d depth, progress func(string, int64, int64)) (string, error) {
	repo, said, err := s.fetch(ctx, src, len(id), progress, append(d.flags(), "--end-of-options", src.address(), id)...)
	if err != nil && d != files && refusesFilter(said) {
		flags := d.flags()
		repo, _, err = s.fetch(ctx, src, len(id), progress, append(flags[:len(flags)-1], "--end-of-options", src.address(), id)...)
	}
	return repo, err
}

// whole asks for all branches and tags: first for commits alone, and for files
// only when the commit is among them.
func (s *session) whole(ctx context.Context, src source, id string, d depth, progress func(string, int64, int64)) (string, error) {
	all := []string{"--update-shallow", "--end-of-options", src.address(), "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"}
	repo, said, err := s.fetch(ctx, src, len(id), progress, append([]string{"--filter=tree:0"}, all...)...)
	filtered := err == nil && !strings.Contains(said, filterIgnored)
	if err != nil && refusesFilter(said) {
		repo, _, err = s.fetch(ctx, src, len(id), progress, all...)
	}
	if err != nil {
		return "", err
	}
	kind, err := s.kindOf(ctx, repo, id)
	if err != nil {
		return "", err
	}
	if kind == "" {
		refs, err := s.output(ctx, repo, 4<<10, "for-each-ref", "--count=1")
		switch {
		case err != nil:
			return "", err
		case len(refs) == 0:
			return "", &failure{refused, src.name, "has no branch and no tag", nil}
		}
		return "", &failure{gone, src.name, whyGone, nil}
	}
	if d == files && filtered {
		if err := os.RemoveAll(repo); err != nil {
			return "", err
		}
		repo, _, err = s.fetch(ctx, src, len(id), progress, all...)
	}
	return repo, err
}

// filterIgnored is git's warning that a server sends all the same.
const filterIgnored = "filtering not recognized by server"

// refusesFilter reports whether a fetch failed for its --filter.
func refusesFilter(said string) bool {
	return strings.Contains(strings.ReplaceAll(said, filterIgnored, ""), "filter")
}

// fetch runs git fetch into a new repository. said is what git printed.
func (s *session) fetch(ctx context.Context, src source, idLength int, progress func(string, int64, int64), args ...string) (repo, said string, err error) {
	if repo, err = s.newRepo(ctx, idLength); err != nil {
		return "", "", err
	}
	text := newSaid(progress)
	args = append([]string{
		"fetch", "--progress", "--no-tags", "--no-recurse-submodules",
		"--no-auto-maintenance", "--no-write-commit-graph", "--no-write-fetch-head",
	}, args...)
	err = s.online(ctx, src.protocol, repo, nil, text, args...)
	if err == nil {
		return repo, text.text(), nil
	}
	if remove := os.RemoveAll(repo); remove != nil {
		return "", "", remove
	}
	return "", text.text(), src.failure(err)
}

// checkCommit says whether what came is a commit, and with its history all of it.
func (s *session) checkCommit(ctx context.Context, src source, repo, id string, d depth) error {
	kind, err := s.kindOf(ctx, repo, id)
	switch {
	case err != nil:
		return err
	case kind == "":
		return &failure{gone, src.name, whyGone, nil}
	case kind != "commit":
		return &failure{refused, src.name, short(id) + " is a " + kind + ", not a commit", nil}
	}
	if d != history {
		return nil
	}
	// A source that is itself shallow either tells where it was cut or sends
	// commits whose parents never come.
	_, err = os.Lstat(filepath.Join(repo, "shallow"))
	whole := err != nil
	if whole {
		_, err = s.output(ctx, repo, 64, "rev-list", "--quiet", "--end-of-options", id, "--")
		var run *runError
		if whole = !errors.As(err, &run); whole && err != nil {
			return err
		}
	}
	if !whole {
		return &failure{refused, src.name, "its history is cut off (a shallow clone?)", nil}
	}
	return nil
}

// kindOf returns what an object is: "commit", "tag", …; empty when it is not there.
func (s *session) kindOf(ctx context.Context, repo, id string) (string, error) {
	out, err := s.output(ctx, repo, 64, "cat-file", "-t", id)
	var run *runError
	if errors.As(err, &run) {
		return "", nil // the only fault that a repository of our own can have
	}
	return strings.TrimSpace(string(out)), err
}
