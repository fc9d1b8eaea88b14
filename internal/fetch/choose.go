package fetch

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// maxRelease is how much of a Release file is looked at: the fields come before
// the long lists of digests.
const maxRelease = 32 << 10

// roots returns the mirrors in use, in order; the first call may ask the host's
// candidates. A failure is not remembered.
func (c *Client) roots(ctx context.Context) ([]*url.URL, error) {
	select {
	case c.choosing <- struct{}{}:
		defer func() { <-c.choosing }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if c.chosen != nil {
		return c.chosen, nil
	}
	mirrors := c.mirrors.Given
	if len(mirrors) == 0 {
		var err error
		if c.mirrors.Root != "" {
			host, err := HostMirrors(c.mirrors.Root, c.mirrors.Suite)
			if err != nil {
				return nil, err
			}
			c.mirrors = host
		}
		if mirrors, err = c.check(ctx); err != nil {
			return nil, err
		}
	}
	var chosen []*url.URL
	for _, m := range mirrors {
		u, err := parseURL(m.Base)
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(chosen, func(o *url.URL) bool { return o.String() == u.String() }) {
			chosen = append(chosen, u)
		}
	}
	c.chosen = chosen
	return chosen, nil
}

// wrongMirror says why a candidate holds another archive.
type wrongMirror struct{ why string }

func (e *wrongMirror) Error() string { return e.why }

// check asks all candidates at once and returns the right ones, in order. When
// one is right the others have a few seconds more.
func (c *Client) check(ctx context.Context) ([]Mirror, error) {
	host := c.mirrors.Host
	asking, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var grace sync.Once
	var late *time.Timer
	results := make([]error, len(host))
	var wg sync.WaitGroup
	for i, m := range host {
		wg.Go(func() {
			if results[i] = c.checkOne(asking, m); results[i] == nil {
				grace.Do(func() { late = time.AfterFunc(c.pace.grace, func() { cancel(errLate) }) })
			}
		})
	}
	wg.Wait()
	if late != nil {
		late.Stop()
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var right []Mirror
	for i, m := range host {
		if results[i] == nil {
			right = append(right, m)
		}
	}
	if len(right) > 0 {
		return right, nil
	}
	return nil, c.noMirror(results)
}

var errLate = errors.New("another mirror was faster")

// noMirror says why no candidate is of use: none could be connected to, or each
// for its own reason.
func (c *Client) noMirror(results []error) error {
	none := &NoRouteError{}
	e := &NoMirrorError{Suite: c.mirrors.Suite, Skipped: slices.Clone(c.mirrors.Skipped)}
	lost := 0
	for i, m := range c.mirrors.Host {
		why := results[i]
		var f *failure
		if errors.As(why, &f) {
			why = f.err // the rest repeats the mirror
		}
		if f != nil && f.kind == noRoute {
			if lost++; lost == 1 {
				none.URL = f.t.String()
			}
			none.Add(f.dial())
		}
		e.Skipped = append(e.Skipped, Skipped{m.From, m.String(), why.Error()})
	}
	if lost > 0 && lost == len(results) {
		return none
	}
	return e
}

// checkOne returns nil when the mirror holds the suite: dists/SUITE/InRelease or
// Release says Origin Debian and the suite as its Codename (which, unlike Suite,
// stays when the next release comes). The codename's own folder is looked at
// first, then the name by which the host's apt knows it. Signatures are not
// looked at: files are known by their digests, so that a false mirror can only fail.
func (c *Client) checkOne(ctx context.Context, m Mirror) error {
	base, err := parseURL(m.Base)
	if err != nil {
		return err
	}
	var why error
	for _, suite := range compact(append([]string{c.mirrors.Suite}, m.Suites...)) {
		for _, name := range []string{"InRelease", "Release"} {
			u, err := fileURL(base, "dists/"+suite+"/"+name)
			if err != nil {
				return err
			}
			failures, err := c.rounds(ctx, []target{c.target(u, m.String())}, forChoice(), func(t target) error {
				return c.request(ctx, t, func(b body) error { return checkRelease(b, c.mirrors.Suite) })
			})
			var wrong *wrongMirror
			switch {
			case errors.As(err, &wrong):
				why = wrong
			case failures == nil:
				return err
			case failures[0].kind != gone:
				return failures[0]
			case why == nil:
				why = failures[0]
			}
			if wrong != nil {
				break // Release says the same
			}
		}
	}
	return why
}

// compact returns the different elements of s, in order.
func compact(s []string) (out []string) {
	for _, e := range s {
		if !slices.Contains(out, e) {
			out = append(out, e)
		}
	}
	return out
}

// checkRelease reads the fields of a Release file (Debian's repository format,
// "Release" files), signed inline or not. Its error is a *wrongMirror, or that of r.
func checkRelease(r io.Reader, suite string) error {
	const codename, origin = "codename", "origin"
	fields := map[string]string{}
	lines := bufio.NewScanner(io.LimitReader(r, maxRelease))
	for lines.Scan() && (fields[origin] == "" || fields[codename] == "") {
		name, value, ok := strings.Cut(lines.Text(), ":")
		name = strings.ToLower(name)
		if ok && fields[name] == "" && (name == origin || name == codename) {
			fields[name] = strings.TrimSpace(value)
		}
	}
	if err := lines.Err(); err != nil && !errors.Is(err, bufio.ErrTooLong) {
		return err
	}
	if fields[origin] != "Debian" || fields[codename] != suite {
		return &wrongMirror{fmt.Sprintf("its Release says origin %q and codename %q: want %q and %q",
			fields[origin], fields[codename], "Debian", suite)}
	}
	return nil
}
