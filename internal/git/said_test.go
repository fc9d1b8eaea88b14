package git

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func quoted(s string) string { return fmt.Sprintf("%q", s) }

func TestSaid(t *testing.T) {
	t.Parallel()
	var got []string
	s := newSaid(func(text string, done, total int64) { got = append(got, fmt.Sprint(text, " ", done, "/", total)) })
	for _, part := range []string{
		"remote: Enumerating objects: 7, done.\x1b[K\n", "remote: Counting obj", "ects:  50% (1/2)\x1b[K\rremote: Counting objects: 100% (2/2), done.\x1b[K\n",
		"Receiving objects:  45% (123/456), 1.2 MiB | 3.00 MiB/s\r", "Resolving deltas: 100% (3/3), done.\nwarning: x\n",
		"error: RPC failed\nfatal: the remote end \x1b[31mhung up\nfatal: early EOF", strings.Repeat("z", 10_000), "\n",
	} {
		s.Write([]byte(part))
	}
	want := []string{"enumerating objects 7/0", "counting objects 1/2", "counting objects 2/2", "receiving objects 123/456", "resolving deltas 3/3"}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if r := s.reason(errors.New("x")); !strings.HasPrefix(r, "early EOFzzz") || len(r) > 310 {
		t.Errorf("%q", r)
	}
	if n := len(s.text()); n > 5000 {
		t.Errorf("keeps %d bytes", n)
	}
	s = newSaid(nil)
	for i := range 10_000 {
		fmt.Fprintf(s, "line %d\n", i)
	}
	if l := strings.Split(s.text(), "\n"); len(l) != maxKept || l[maxKept-1] != "line 9999" || s.reason(errors.New("x")) != "x" {
		t.Errorf("%d lines, the last %q", len(l), l[len(l)-1])
	}
	if c := clean(" a\nb\x1b\u202e\xff\u009b ", 100); c != "a?b????" {
		t.Errorf("%q", c)
	}
}

func TestCommitterDate(t *testing.T) {
	t.Parallel()
	const head = "tree x\nauthor A <a> 5 +0000\n"
	for text, want := range map[string]string{
		head + "committer A <a@b> 1234567890 +0100\n\nx": "1234567890",
		head + "committer A > <a>7\n":                    "7",
		head + "committer A <a> 0 +0000\ngpgsig x\n y\n": "0",
		head + "committer A <a> -5 +0000\n\n":            `committer's date "-5": not taken`,
		head + "committer A <a> 99999999999999 +0000\n":  `committer's date "99999999999999": not taken`,
		head + "committer A <a>\n":                       `committer's date "": not taken`,
		head + "\ncommitter A <a> 1 +0000\n":             "no committer",
	} {
		n, err := committerDate(text)
		got := strconv.FormatInt(n, 10)
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

func FuzzReplies(f *testing.F) {
	id := strings.Repeat("a", 40)
	f.Add("committer A <a> 1 +0000\n", id+" 1 x\x00", modeFile+" blob "+id+"\ta/b", id+"\trefs/heads/main\n", "main", []byte("x\rReceiving objects: 1% (1/2)\n"))
	f.Fuzz(func(t *testing.T, commit, log, line, refs, ref string, said []byte) {
		if n, err := committerDate(commit); err == nil && (n < 0 || n > maxEpoch) {
			t.Fatal(n)
		}
		entries, err := parseLog(log)
		for _, e := range entries {
			if err == nil && (!isID(e.ID) || strings.ContainsAny(e.Subject, "\n\x1b\x00")) {
				t.Fatalf("%+v", e)
			}
		}
		if o, err := parseObject(line); err == nil && (!isID(o.id) || kindOfMode[o.mode] != o.kind) {
			t.Fatalf("%q", o)
		}
		if id, _, why := pick(refs, ref); id != "" && (why != "" || !isID(id)) {
			t.Fatalf("%q %q", id, why)
		}
		s := newSaid(func(text string, _, _ int64) {
			if strings.ContainsFunc(text, func(r rune) bool { return r != ' ' && (r < 'a' || r > 'z') }) {
				t.Fatalf("%q", text)
			}
		})
		s.Write(said)
		if r := s.reason(errors.New("x")); strings.ContainsAny(r, "\n\x1b") {
			t.Fatalf("%q", r)
		}
	})
}

func FuzzCheckName(f *testing.F) {
	f.Add("a/.git")
	f.Add(".g\u200dit/x")
	f.Fuzz(func(t *testing.T, p string) {
		if checkName(p) == nil && (strings.Contains("/"+strings.ToLower(p)+"/", "/.git/") || strings.Contains("/"+p+"/", "/../")) {
			t.Fatalf("%q", p)
		}
	})
}
