package git

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
)

const (
	maxSubject = 500      // bytes
	maxLogText = 64 << 20 // bytes that git log may print
)

func (s *session) count(ctx context.Context, repo, id string) (int, error) {
	out, err := s.output(ctx, repo, 64, "rev-list", "--no-merges", "--count", "--end-of-options", id, "--")
	if err != nil {
		return 0, err
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(out)))
	if err != nil {
		return 0, fmt.Errorf("git rev-list: %q is no number", clean(string(out), 80))
	}
	return n, nil
}

func (s *session) between(ctx context.Context, repo, from, to string) ([]LogEntry, error) {
	kind, err := s.kindOf(ctx, repo, from)
	if err != nil {
		return nil, err
	}
	if kind == "commit" {
		// Other branches are there too where the server gave all of them.
		_, err = s.output(ctx, repo, 64, "merge-base", "--is-ancestor", "--end-of-options", from, to)
	}
	var exit *exec.ExitError
	if kind != "commit" || errors.As(err, &exit) && exit.ExitCode() == 1 {
		return nil, &NotAncestorError{from, to}
	}
	if err != nil {
		return nil, err
	}
	// A mailmap would be looked for in the tree of HEAD, which did not come.
	out, err := s.output(ctx, repo, maxLogText, "log", "-z", "--no-color", "--no-show-signature", "--no-notes", "--no-decorate", "--no-mailmap",
		"--format=tformat:%H %ct %<("+strconv.Itoa(maxSubject)+",trunc)%s", "--max-count="+strconv.Itoa(MaxLog),
		"--end-of-options", from+".."+to, "--")
	if err != nil {
		return nil, err
	}
	return parseLog(string(out))
}

// parseLog reads records of «ID SECONDS SUBJECT», each ended by a zero byte.
func parseLog(text string) ([]LogEntry, error) {
	var out []LogEntry
	for record := range strings.SplitSeq(text, "\x00") {
		if record == "" {
			continue
		}
		id, rest, _ := strings.Cut(record, " ")
		when, subject, ok := strings.Cut(rest, " ")
		epoch, err := strconv.ParseInt(when, 10, 64)
		if !ok || err != nil || !isID(id) {
			return nil, fmt.Errorf("git log: can't read %q", clean(record, 80))
		}
		out = append(out, LogEntry{ID: id, Epoch: epoch, Subject: clean(subject, maxSubject)})
	}
	return out, nil
}
