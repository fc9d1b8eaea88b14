package realize_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/fuel-infra/pbuild/internal/event"
	"github.com/fuel-infra/pbuild/internal/realize"
	"github.com/fuel-infra/pbuild/internal/testenv"
	"github.com/fuel-infra/pbuild/recipe"
	"github.com/fuel-infra/pbuild/store"
)

// TestSchemeRPM: an rpm has the release that the scheme makes, or is refused; the
// version is the spec's, or the scheme's where that says one.
func TestSchemeRPM(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	u := b.stamped("scheme-rpm")
	r := b.realize("scheme-rpm rpm", event.Built)
	if f := r.Realization.Files[0]; f.Version != "8.0.0-1.mos2" || f.Name != "scheme-rpm-8.0.0-1.mos2.noarch.rpm" || !strings.Contains(string(r.Text), "\nrelease \"1.mos2\"\nepoch ") {
		t.Errorf("%s %s\n%s", f.Name, f.Version, r.Text)
	}
	for _, change := range []struct{ spec, got string }{
		{madeRPM{release: "7"}.text("scheme-rpm"), "7"},
		{madeRPM{release: "8%{?dist}"}.text("scheme-rpm"), "8"},
	} {
		u.content["scheme-rpm.spec"] = change.spec
		u.commit()
		u.write("", locked(func(l *recipe.Locked) { l.Count = 3 }))
		_, err := b.try("scheme-rpm rpm")
		want := &realize.ReleaseError{Package: "scheme-rpm", Spec: "scheme-rpm.spec", Want: "1.mos3", Got: change.got}
		var got *realize.ReleaseError
		if !errors.As(err, &got) || *got != *want ||
			err.Error() != "scheme-rpm: rpm: version: package scheme-rpm has release "+change.got+": the scheme stamps 1.mos3: does scheme-rpm.spec say Release: %{release}?" {
			t.Errorf("got %v\n%s", err, b.log())
		}
		if _, err := b.store.Lookup(b.node("scheme-rpm rpm").Key); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("recorded: %v", err)
		}
	}

	b.files["schemes/tagged.yaml"] = &fstest.MapFile{Data: []byte("format: 1\nname: tagged\nsummary: Made up\n" +
		"rpm:\n  merged: {version: \"%{tag}\", release: \"%{date}.%{count}.%{short}\"}\n")}
	u.top = "version: tagged\n"
	u.content["scheme-rpm.spec"] = madeRPM{version: "%{version}", release: "%{release}"}.text("scheme-rpm")
	u.commit()
	u.write("", byTag("v9.1rc2"))
	r = b.realize("scheme-rpm rpm", event.Built)
	if want := "9.1~rc2-20090213." + fmt.Sprint(u.locked.Count) + "." + u.locked.Commit[:7]; r.Realization.Version != want ||
		!strings.Contains(string(r.Text), "\nversion \"9.1~rc2\"\nrelease ") {
		t.Errorf("version %s, want %s\n%s", r.Realization.Version, want, r.Text)
	}
	b.give("scheme-rpm", "a folder", fstest.MapFS{"x": {}})
	b.files["scheme-rpm/scheme-rpm.spec"] = &fstest.MapFile{Data: []byte(madeRPM{}.text("scheme-rpm"))}
	b.reload()
	if _, err := b.plan("scheme-rpm rpm"); err == nil || !strings.HasSuffix(err.Error(), "version: scheme tagged: rpm: says nothing of a source that is folder, with source a folder") {
		t.Errorf("a folder: %v", err)
	}
}

// TestSchemeTagRPM: a tag that names another version than the spec is an error of the
// build, before anything is packed; whether the spec has a source or not.
func TestSchemeTagRPM(t *testing.T) {
	t.Parallel()
	for _, source0 := range []string{"", "-"} {
		b := newBench(t)
		name := "scheme-tagged" + source0 + map[string]string{"-": "none"}[source0]
		u := b.stamped(name)
		u.content[name+".spec"] = madeRPM{version: "%{made_up}.0", preamble: "%global x 1\n", release: "%{release}", source0: source0}.text(name)
		u.content[name+".spec"] = "%global made_up 8.0\n" + u.content[name+".spec"]
		u.commit()
		write := func(tag string) {
			u.write("", byTag(tag))
			if source0 == "-" {
				f := b.files[name+"/recipe.yaml"]
				f.Data = []byte(strings.Replace(string(f.Data), "  source0: {name: "+name+", layout: prefixed}\n", "", 1))
				b.reload()
			}
		}
		for tag, wrong := range map[string]bool{"8.0": false, "v8.0.0.0": false, "9.0": true, "8.0.0rc1": false, "8.1rc1": true} {
			write(tag)
			n := b.node(name + " rpm")
			_, err := b.try(name + " rpm")
			if !wrong {
				if err != nil {
					t.Errorf("%s: %v\n%s", tag, err, b.log())
				}
				continue
			}
			want := name + ": rpm: tag " + tag + " contradicts " + name + ".spec, which says version 8.0.0"
			var got *recipe.TagError
			if !errors.As(err, &got) || *got != (recipe.TagError{Tag: tag, Own: "8.0.0", File: name + ".spec"}) || err.Error() != want {
				t.Errorf("got %v\nwant %s", err, want)
			}
			// The tag is not in the key: what it led to is.
			if n.Derivation.Release != "1.mos3" {
				t.Errorf("%s: release %s", tag, n.Derivation.Release)
			}
		}
		b.Given = nil
		u.top = ""
		u.content[name+".spec"] = strings.Replace(u.content[name+".spec"], "%{release}", "1", 1)
		u.commit()
		write("9.0")
		b.realize(name+" rpm", event.Built) // without a scheme the tag says nothing
	}
}

// TestSchemeOrder: what the scheme fuel makes sorts above what the former build system
// made of fewer commits, and what is not merged yet above what is: for dpkg, and rpm.
func TestSchemeOrder(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	u := b.stamped("scheme-order")
	other := u.locked
	other.Commit, other.Count = strings.Repeat("0f", 20), 0
	other.Ref = other.Commit
	change := realize.Given{Where: "a change", Source: recipe.Git{URL: u.URL, Ref: other.Commit}, Locked: &other}
	source := recipe.SourceName{Recipe: "scheme-order", Source: recipe.Main}
	files := fstest.MapFS{"another": {}}
	for path, body := range u.content {
		files[path] = &fstest.MapFile{Data: []byte(body)}
	}
	folder := realize.Given{Where: "a folder", Files: files}

	type pair struct{ older, newer string }
	pairs := map[recipe.Format][]pair{}
	var last map[recipe.Format]string
	for _, n := range []int{2, 9, 10, 99, 100, 4137} {
		made := map[string]map[recipe.Format]string{}
		for kind, given := range map[string]realize.Given{"merged": {}, "unmerged": change, "folder": folder} {
			b.Given = map[recipe.SourceName]realize.Given{source: given}
			if kind == "merged" {
				b.Given = nil
			}
			u.write("", locked(func(l *recipe.Locked) { l.Count = n }))
			made[kind] = map[recipe.Format]string{
				recipe.FormatDeb: b.node("scheme-order").Derivation.Stamp.Version,
				recipe.FormatRPM: "8.0.0-" + b.node("scheme-order rpm").Derivation.Release,
			}
		}
		for f, former := range map[recipe.Format]string{recipe.FormatDeb: "1-1~u14.04+mos%d", recipe.FormatRPM: "8.0.0-1.mos%d"} {
			if got := made["merged"][f]; got != fmt.Sprintf(former, n) {
				t.Errorf("%d: %s", n, got)
			}
			for _, kind := range []string{"merged", "unmerged", "folder"} {
				for _, before := range []int{1, n / 10, n / 2, n - 1} {
					if before > 0 {
						pairs[f] = append(pairs[f], pair{fmt.Sprintf(former, before), made[kind][f]})
					}
				}
				if kind != "merged" {
					pairs[f] = append(pairs[f], pair{made["merged"][f], made[kind][f]}, pair{fmt.Sprintf(former, n+1), made[kind][f]},
						pair{made[kind][f], fmt.Sprintf(former, n+2)})
				}
			}
			if last != nil {
				pairs[f] = append(pairs[f], pair{last[f], made["merged"][f]})
			}
		}
		last = made["merged"]
	}
	script := map[recipe.Format]string{
		recipe.FormatDeb: "for p; do set -- $p; dpkg --compare-versions $1 lt $2 || echo \"$p\"; done",
		recipe.FormatRPM: "for p; do set -- $p; test \"$(rpm --eval \"%{lua: print(rpm.vercmp('${1#*-}', '${2#*-}'))}\")\" = -1 || echo \"$p\"; done",
	}
	for f, all := range pairs {
		argv := []string{"sh", "-c", script[f], "sh"}
		for _, p := range all {
			argv = append(argv, p.older+" "+p.newer)
		}
		if len(all) < 50 {
			t.Errorf("%s: %d pairs", f, len(all))
		}
		if wrong := testenv.ToolOf(t, "debian-12-"+string(f), nil, argv...); wrong != "" {
			t.Errorf("%s: in the wrong order:\n%s", f, wrong)
		}
		// The control: what compares would tell.
		if wrong := testenv.ToolOf(t, "debian-12-"+string(f), nil, slices.Concat(argv[:4], []string{all[0].newer + " " + all[0].older})...); wrong == "" {
			t.Errorf("%s: the control does not work", f)
		}
	}
}
