package git

import (
	"context"
	"fmt"
	"strings"
)

const maxRefs = 64 << 20 // bytes of a server's list of refs

// Kind says what a ref is.
type Kind string

// The kinds of refs; one of neither is empty: HEAD, a commit, or refs/ of others.
const (
	Branch Kind = "branch"
	Tag    Kind = "tag"
)

// refKind tells by a ref's whole name.
func refKind(name string) Kind {
	switch {
	case strings.HasPrefix(name, "refs/heads/"):
		return Branch
	case strings.HasPrefix(name, "refs/tags/"):
		return Tag
	}
	return ""
}

// resolve asks for a ref that is no id.
func (s *session) resolve(ctx context.Context, r Remote, ref string) (id string, kind Kind, err error) {
	err = s.each(ctx, r, "ref "+ref, ref, func(src source) error {
		out := &bounded{most: maxRefs}
		err := s.online(ctx, src.protocol, "", out, newSaid(nil), "ls-remote", "--quiet", "--end-of-options", src.address(), ref, ref+"^{}")
		if err != nil {
			return src.failure(err)
		}
		var why string
		if id, kind, why = pick(out.String(), ref); why != "" {
			return &failure{refused, src.name, why, nil}
		}
		if id == "" {
			return &failure{gone, src.name, whyGone, nil}
		}
		return nil
	})
	return id, kind, err
}

// pick finds the commit of ref in what git ls-remote printed. id and why are
// empty when ref is not there.
func pick(text, ref string) (id string, kind Kind, why string) {
	at := map[string]string{}
	for line := range strings.Lines(text) {
		// A ref that is broken is listed with an id of zeros, which is that of nothing.
		if id, name, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "\t"); ok && isID(id) && strings.Trim(id, "0") != "" {
			at[name] = id
		}
	}
	peeled := func(name string) string {
		if id := at[name+"^{}"]; id != "" {
			return id
		}
		return at[name]
	}
	if ref == "HEAD" || strings.HasPrefix(ref, "refs/") {
		return peeled(ref), refKind(ref), ""
	}
	branch, tag := peeled("refs/heads/"+ref), peeled("refs/tags/"+ref)
	switch {
	case branch != "" && tag != "" && branch != tag:
		return "", "", fmt.Sprintf("ref %s: both a branch (%s) and a tag (%s): write refs/heads/%s or refs/tags/%s", ref, short(branch), short(tag), ref, ref)
	case branch != "":
		return branch, Branch, ""
	}
	return tag, Tag, ""
}
