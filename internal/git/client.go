package git

import (
	"context"
	"fmt"
	"sync"

	"github.com/fuel-infra/pbuild/internal/fetch"
	"github.com/fuel-infra/pbuild/internal/tree"
)

// Client runs git; safe for concurrent use. It remembers which servers could
// not be connected to, so one Client serves one run.
type Client struct {
	Tmp     string              // existing, private (0700); the client removes what it makes there
	Mirrors map[string][]string // prefix of URLs → prefixes tried before it; the longest match wins
	Offline bool                // what needs the network is an *OfflineError

	bounds bounds

	mu    sync.Mutex // guards what follows
	lost  map[string]*fetch.DialError
	known string // path of a git that is new enough
}

// Remote is one repository.
type Remote struct {
	URLs []string // in order: a recipe's git:, then its mirrors:; see CheckURL

	// Local is a repository on this machine, an absolute path or a file:// URL,
	// that a person named on the command line; it is tried first. Nothing that
	// a recipe or a server says may come here.
	Local string
}

// name is how people know r.
func (r Remote) name() string {
	if len(r.URLs) > 0 {
		return r.URLs[0]
	}
	return r.Local
}

// Options changes what Checkout does; the zero value is right for most.
type Options struct {
	Submodules bool        // fetch them too; else each is an empty directory, as git makes it
	Limits     tree.Limits // of all files together, those of submodules too; default 1,000,000 and 16 GiB

	// Progress, when not nil, is told in git's words what it does and how far
	// it is, in objects; total may be 0. Its calls come one after another.
	Progress func(text string, done, total int64)
}

// Commit is what a Checkout brought.
type Commit struct {
	ID    string
	Epoch int64 // the committer's date, seconds since 1970
}

// LogEntry is one commit of a history.
type LogEntry struct {
	ID      string
	Subject string // one line without control characters, cut after 500 bytes
	Epoch   int64  // the committer's date, seconds since 1970
}

// MaxLog is the most commits that Between returns.
const MaxLog = 10_000

// Checkout puts the tree of a commit into dir, an existing, empty and private
// directory: files with modes 0644 and 0755, symlinks as they are, times those
// of the commit, no .git. On an error dir holds a part, for the caller to remove.
//
// Errors: *NotFoundError, *SourcesError, *fetch.NoRouteError (within five
// seconds), *OfflineError; those of tree.Unpack, which wrap tree.ErrUnsafe for
// names such as .git and tree.ErrLimit; that of ctx.
func (c *Client) Checkout(ctx context.Context, r Remote, commit string, o Options, dir string) (Commit, error) {
	var out Commit
	err := c.do(ctx, func(s *session) error {
		if err := checkID(commit); err != nil {
			return err
		}
		var err error
		out, err = newCheckout(s, o).run(ctx, r, commit, dir, 0)
		return err
	})
	return out, err
}

// Resolve returns the commit that ref names, and what ref is: a branch or a tag by its name, any
// ref by its whole name (refs/…), HEAD, or a full id, which is looked for. An
// annotated tag is followed to its commit. A name that is both a branch and a
// tag is an error, unless both are one commit. The first source that has ref
// decides.
func (c *Client) Resolve(ctx context.Context, r Remote, ref string) (id string, kind Kind, err error) {
	err = c.do(ctx, func(s *session) error {
		if err := CheckRef(ref); err != nil {
			return err
		}
		if isID(ref) {
			_, err := s.commit(ctx, r, ref, onlyCommit, nil)
			id = ref
			return err
		}
		var err error
		id, kind, err = s.resolve(ctx, r, ref)
		return err
	})
	if err != nil {
		return "", "", err
	}
	return id, kind, nil
}

// Count returns how many commits the history of commit has, itself included
// and merges left out: git rev-list --no-merges --count.
func (c *Client) Count(ctx context.Context, r Remote, commit string) (int, error) {
	n := 0
	err := c.do(ctx, func(s *session) error {
		if err := checkID(commit); err != nil {
			return err
		}
		repo, err := s.commit(ctx, r, commit, history, nil)
		if err == nil {
			n, err = s.count(ctx, repo, commit)
		}
		return err
	})
	return n, err
}

// Between returns the commits that are in the history of to and not in that of
// from, which is part of it, newest first, at most MaxLog of them. It is a
// *NotAncestorError when from is no part of it.
func (c *Client) Between(ctx context.Context, r Remote, from, to string) ([]LogEntry, error) {
	var out []LogEntry
	err := c.do(ctx, func(s *session) error {
		for _, id := range []string{from, to} {
			if err := checkID(id); err != nil {
				return err
			}
		}
		repo, err := s.commit(ctx, r, to, history, nil)
		if err != nil {
			return err
		}
		if out, err = s.between(ctx, repo, from, to); err != nil {
			return fmt.Errorf("%s: %w", r.name(), err)
		}
		return nil
	})
	return out, err
}

// do runs use with a session, and says whose error it is.
func (c *Client) do(ctx context.Context, use func(s *session) error) error {
	s, err := c.begin(ctx)
	if err != nil {
		return err
	}
	err = use(s)
	if end := s.end(); err == nil {
		err = end
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("fetch %w", err)
	}
	return nil
}
