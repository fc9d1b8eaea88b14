package git

import (
	"errors"
	"regexp"
	"strings"
	"sync"

	"github.com/fuel-infra/pbuild/internal/fetch"
)

// badObject is what fsck says of an object.
var badObject = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?m)^(?:remote: )?error: object ([0-9a-f]{7})[0-9a-f]+: (.*)$`)
})

// answers is what git and servers say, and what it means. The first that is
// found counts.
var answers = []struct {
	words string // in lower case
	kind  kind
	why   string // empty: git's own word
}{
	{"request for unadvertised object", unadvertised, "gives out the tips of branches and tags only"},
	{"not our ref", unadvertised, whyGone},
	{"couldn't find remote ref", gone, whyGone},
	{"support shallow", unadvertised, "can't give out single commits"},
	{"terminal prompts disabled", refused, "authentication required, or no such repository"},
	{"authentication failed", refused, "authentication required, or no such repository"},
	{"returned error: 403", refused, "403 Forbidden"},
	{"permission denied (", refused, "authentication required: ssh: permission denied"},
	{"host key verification failed", refused, "ssh does not know the host's key"},
	{"returned error: 404", gone, "no such repository"},
	{"' not found", gone, "no such repository"},
	{"not appear to be a git repository", gone, "no such repository"},
	{"repository not exported", gone, "no such repository"},
	{"repository not found", gone, "no such repository"},
	{"couldn't connect to server", noRoute, ""},
	{"failed to connect to", noRoute, ""},
	{"could not resolve", noRoute, ""},
	{"unable to connect to", noRoute, ""},
	{"ssh: connect to host", noRoute, ""},
	{"corruption on the remote side", refused, "lacks objects, or is damaged"},
	{"not allowed", refused, ""},
	{"returned error: 4", refused, ""},
	{"certificate", refused, ""},
}

// notValid is what JGit says.
var notValid = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`want [0-9a-f]{40,64} not valid`)
})

// failure says what an error of online means for a source.
func (src source) failure(err error) error {
	var run *runError
	switch {
	case errors.Is(err, errStalled):
		return &failure{refused, src.name, err.Error(), nil}
	case ours(err):
		return err
	case !errors.As(err, &run):
		return &failure{refused, src.name, err.Error(), nil}
	}
	text := run.said.text()
	if m := badObject().FindStringSubmatch(text); m != nil {
		return &failure{refused, src.name, "object " + m[1] + ": " + clean(m[2], 300), nil}
	}
	why := run.said.reason(run.err)
	if notValid().MatchString(text) {
		return &failure{unadvertised, src.name, whyGone, nil}
	}
	lower := strings.ToLower(text)
	for _, a := range answers {
		if !strings.Contains(lower, a.words) {
			continue
		}
		f := &failure{a.kind, src.name, a.why, nil}
		if f.why == "" {
			f.why = why
		}
		if f.kind == noRoute {
			f.lost = &fetch.DialError{Tried: []string{src.name}, Err: errors.New(why)}
		}
		return f
	}
	return &failure{broken, src.name, why, nil}
}
