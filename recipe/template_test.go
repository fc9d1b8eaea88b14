package recipe

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fuel-infra/pbuild/store/digest"
)

// variables have a value for each name.
var variables = Variables{
	Own: "8.0.0", Commit: "5a0893726aaffdf223c5c4387e6b39d46355a822", Epoch: 1441238399, Tree: digest.Of(nil),
	Pinned: Locked{Count: 136, Ref: "stable/8.0", Kind: RefBranch},
}

// TestVariables: each has its value, or an error that says why it has none.
func TestVariables(t *testing.T) {
	defer func(zone *time.Location) { time.Local = zone }(time.Local)
	time.Local = time.FixedZone("elsewhere", 3600)
	tagged, nothing := variables, Variables{}
	tagged.Pinned.Ref, tagged.Pinned.Kind = "8.0rc1", RefTag
	odd := variables
	odd.Pinned.Ref = "bug_1/fix-it+now"
	for _, tc := range []struct {
		template string
		v        Variables
		want     string // the text, or the error
	}{
		{"%{version}", variables, "8.0.0"},
		{"%{count}", variables, "136"},
		{"%{next}", variables, "137"},
		{"%{commit}", variables, variables.Commit},
		{"%{short}", variables, "5a08937"},
		{"%{date}", variables, "20150902"}, // 23:59:59 UTC
		{"%{tree}", variables, "e3b0c44298fc"},
		{"%{branch}", variables, "stable.8.0"},
		{"%{branch}", odd, "bug.1.fix.it.now"},
		{"%{tag}", tagged, "8.0~rc1"},
		{"1.%{count}%{next}~%{short}", variables, "1.136137~5a08937"},
		{"", nothing, ""},
		{"1~x+2", nothing, "1~x+2"},
		{"}{%", nothing, "}{%"},
		{"%{count}", nothing, "%{count}: no commit of the recipe's source is locked, whose history could be counted"},
		{"%{next}", nothing, "%{next}: no commit of the recipe's source is locked, whose history could be counted"},
		{"%{commit}", nothing, "%{commit}: the source is no commit"},
		{"%{short}", nothing, "%{short}: the source is no commit"},
		{"%{branch}", tagged, "%{branch}: the recipe's ref is no branch"},
		{"%{tag}", variables, "%{tag}: the recipe's ref is no tag that names a version"},
		{"%{counts}", variables, "%{counts}: unknown"},
		{"%{}", variables, "%{}: unknown"},
		{"%{count", variables, "%{count: without an end"},
	} {
		version, release, err := Template{tc.template, "1"}.Expand(tc.v)
		if err != nil {
			says(t, err, tc.want)
		} else if version != tc.want || release != "1" {
			t.Errorf("%s: %q, %q, want %q", tc.template, version, release, tc.want)
		}
		if _, release, err := (Template{"", tc.template}).Expand(tc.v); err != nil {
			says(t, err, tc.want)
		} else if release != tc.want {
			t.Errorf("release %s: %q, want %q", tc.template, release, tc.want)
		}
	}
	for _, names := range origins {
		for _, name := range names {
			v := variables
			if name == "tag" {
				v = tagged
			}
			if _, err := v.value(name); err != nil {
				t.Errorf("a template may name %s: %v", name, err)
			}
		}
	}
}

// FuzzTemplate: what is accepted for one origin expands to a part of a version, as
// long as each variable has a value.
func FuzzTemplate(f *testing.F) {
	for _, s := range []string{"1~u14.04+mos%{next}+git.%{short}", "%{version}", "1.mos%{count}.tree.%{tree}", "%{%{count}}", "%{count", "%{", "%", "", "%{tag}%{branch}", "1-%{date}", "\xff"} {
		f.Add(s, "stable/8.0")
		f.Add(s, "v1.2.3rc1")
	}
	f.Fuzz(func(t *testing.T, s, ref string) {
		for o, names := range origins {
			got, err := parseTemplate(s, names)
			if err != nil {
				continue
			}
			if got != s {
				t.Errorf("%q read as %q", s, got)
			}
			v := variables
			if v.Pinned.Ref, v.Pinned.Kind = ref, RefTag; strings.Contains(s, "%{branch}") {
				v.Pinned.Kind = RefBranch
			}
			if o == Folder {
				v.Commit = "" // then no template asks for it
			}
			out, err := expand(s, v.value)
			if _, refErr := parseRef(ref); err != nil || refErr != nil {
				if strings.Contains(s, "%{tag}") || refErr != nil {
					continue // what no recipe says, or a ref that is no tag with a version
				}
				t.Fatalf("%q: %v", s, err)
			}
			if !revisionForm.match(out) {
				t.Errorf("%q: %q", s, out)
			}
			if !slices.Contains(names, "commit") && strings.Contains(out, variables.Commit) {
				t.Errorf("%q: %q tells the commit", s, out)
			}
		}
	})
}
