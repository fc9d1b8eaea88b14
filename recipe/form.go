package recipe

import (
	"slices"
	"strings"
)

// form is what a kind of name looks like. To compile the expressions that a run asks
// takes longer than to read its recipes, so that they are spelled out.
type form struct {
	text  string // a regular expression, as the JSON schema has it
	match func(string) bool
}

var (
	nameForm     = form{`^[a-z0-9]+([.-][a-z0-9]+)*$`, func(s string) bool { return eachPart(s, ".-", small, small) }}
	packageForm  = form{`^[a-z0-9][a-z0-9+.-]+$`, func(s string) bool { return len(s) > 1 && spelled(s, small, small+"+.-") }}
	envForm      = form{`^[A-Za-z_][A-Za-z0-9_]*$`, func(s string) bool { return spelled(s, letters+"_", alnum+"_") }}
	modeForm     = form{`^0[0-7]{3}$`, func(s string) bool { return len(s) == 4 && spelled(s, "0", "01234567") }}
	macroForm    = form{`^[A-Za-z_][A-Za-z0-9_]{2,}$`, func(s string) bool { return len(s) > 2 && spelled(s, letters+"_", alnum+"_") }}
	rpmNameForm  = form{`^[A-Za-z0-9_][A-Za-z0-9._+-]*$`, func(s string) bool { return spelled(s, alnum+"_", alnum+"._+-") }}
	licenseForm  = form{`^[A-Za-z0-9.+:() -]+$`, func(s string) bool { return spelled(s, alnum+".+:() -", alnum+".+:() -") }}
	upstreamForm = form{`^[0-9][A-Za-z0-9.+~:-]*$`, func(s string) bool { return spelled(s, digits, alnum+".+~:-") }}
	revisionForm = form{`^[A-Za-z0-9.+~]+$`, func(s string) bool { return spelled(s, alnum+".+~", alnum+".+~") }}
	partForm     = form{`^[A-Za-z][A-Za-z0-9._-]*$`, func(s string) bool { return spelled(s, letters, alnum+"._-") }}
	tarballForm  = form{`^[A-Za-z0-9_][A-Za-z0-9._+-]*\.tar\.gz$`, func(s string) bool {
		s, ok := strings.CutSuffix(s, ".tar.gz")
		return ok && spelled(s, alnum+"_", alnum+"._+-")
	}}
	commitForm = form{`^([0-9a-f]{40}|[0-9a-f]{64})$`, func(s string) bool {
		return (len(s) == 40 || len(s) == 64) && spelled(s, digits+"abcdef", digits+"abcdef")
	}}
	refForm = form{`^[A-Za-z0-9][A-Za-z0-9._+-]*(/[A-Za-z0-9][A-Za-z0-9._+-]*)*$`, func(s string) bool {
		return eachPart(s, "/", alnum, alnum+"._+-")
	}}
	poolForm = form{`^pool(/[A-Za-z0-9+~_][A-Za-z0-9.+~_-]*)+$`, func(s string) bool {
		rest, ok := strings.CutPrefix(s, "pool/")
		return ok && eachPart(rest, "/", alnum+"+~_", alnum+".+~_-")
	}}
	gitForm = form{`^(https?|git|ssh)://([A-Za-z0-9_-]+@)?[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?(/[A-Za-z0-9~_][A-Za-z0-9.~_+-]*)+/?$`, isGitURL}
)

const (
	digits  = "0123456789"
	small   = "abcdefghijklmnopqrstuvwxyz" + digits
	letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	alnum   = letters + digits
)

// spelled reports whether s begins with a byte of one set and goes on with those of
// another.
func spelled(s, first, rest string) bool {
	for i := range len(s) {
		set := rest
		if i == 0 {
			set = first
		}
		if strings.IndexByte(set, s[i]) < 0 {
			return false
		}
	}
	return s != ""
}

// eachPart reports whether the parts of s between bytes of separators are spelled.
func eachPart(s, separators, first, rest string) bool {
	for {
		i := strings.IndexAny(s, separators)
		if i < 0 {
			return spelled(s, first, rest)
		}
		if !spelled(s[:i], first, rest) {
			return false
		}
		s = s[i+1:]
	}
}

// isGitURL is gitForm: SCHEME://[USER@]HOST[:PORT]/PATH.
func isGitURL(s string) bool {
	scheme, rest, _ := strings.Cut(s, "://")
	if !slices.Contains([]string{"https", "http", "git", "ssh"}, scheme) {
		return false
	}
	where, path, _ := strings.Cut(rest, "/")
	if user, host, ok := strings.Cut(where, "@"); ok {
		if !spelled(user, alnum+"_-", alnum+"_-") {
			return false
		}
		where = host
	}
	host, port, ok := strings.Cut(where, ":")
	if ok && (len(port) > 5 || !spelled(port, digits, digits)) {
		return false
	}
	return spelled(host, alnum, alnum+".-") && strings.IndexByte(alnum, host[len(host)-1]) >= 0 &&
		eachPart(strings.TrimSuffix(path, "/"), "/", alnum+"~_", alnum+".~_+-")
}
