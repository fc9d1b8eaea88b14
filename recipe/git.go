package recipe

import (
	"fmt"
	"strings"
)

// CheckGit says why a URL or a ref of a git source, each where it is not empty, is
// none that a recipe could name.
func CheckGit(g Git) error {
	if g.URL != "" {
		if _, err := parseGitURL(g.URL); err != nil {
			return err
		}
	}
	if g.Ref != "" {
		if _, err := parseRef(g.Ref); err != nil {
			return err
		}
	}
	return nil
}

// parseGitURL checks where a git repository is. The forms that name a file, a
// program or an option are not among them, and no password.
func parseGitURL(s string) (string, error) {
	if len(s) > 512 || !gitForm.match(s) || strings.Contains(s, "/../") || strings.HasSuffix(s, "/..") {
		return "", fmt.Errorf("URL %q: want https://, http://, ssh:// or git:// with a host and a path", ShownURL(s))
	}
	return s, nil
}

// ShownURL returns a URL, or text that holds one, for an error: without what may be
// a password.
func ShownURL(s string) string {
	before, rest, ok := strings.Cut(s, "://")
	if !ok {
		return s
	}
	where, _, _ := strings.Cut(rest, "/")
	_, port, _ := strings.Cut(where, ":")
	end := strings.LastIndexByte(where, '@')
	if end < 0 && strings.Trim(port, "0123456789") != "" {
		end = strings.LastIndexByte(rest, '@') // a password with a slash in it
	}
	if end < 0 {
		return s
	}
	return before + "://…" + rest[end:]
}

// parseRef checks a commit, a branch or a tag (git-check-ref-format(1), and
// nothing that a command line could take for an option or a range).
func parseRef(s string) (string, error) {
	if len(s) > 200 || !refForm.match(s) || strings.Contains(s, "..") || strings.HasSuffix(s, ".") ||
		strings.HasSuffix(s, ".lock") || strings.Contains(s, ".lock/") {
		return "", fmt.Errorf("ref %q: want a commit, a branch or a tag", s)
	}
	return s, nil
}

// parseCommit checks a full commit id, SHA-1 or SHA-256.
func parseCommit(s string) (string, error) {
	if !commitForm.match(s) {
		return "", fmt.Errorf("commit %q: want 40 or 64 lower case hexadecimal digits", s)
	}
	return s, nil
}

// IsCommit reports whether a ref is a full commit id.
func IsCommit(ref string) bool { return commitForm.match(ref) }
