package rpm_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fuel-infra/pbuild/internal/rpm"
	"github.com/fuel-infra/pbuild/internal/testenv"
	"github.com/fuel-infra/pbuild/internal/tree"
	"github.com/fuel-infra/pbuild/recipe"
	"github.com/fuel-infra/pbuild/sandbox"
	"github.com/fuel-infra/pbuild/store/digest"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// rpmSource is Debian's source of rpm, whose tests have packages by rpm 4.4 to 4.17.
func rpmSource(t testing.TB) recipe.Package {
	sum, err := digest.ParseHex("d0d9c58c036bc6308de6e195e898c10bf53eaef6f962c48b403e7cd262f4eb4d")
	if err != nil {
		t.Fatal(err)
	}
	return recipe.Package{Name: "rpm", SHA256: sum, Size: 2860304, Path: "pool/main/r/rpm/rpm_4.18.0+dfsg.orig.tar.xz"}
}

// oracle is what testdata/ask.sh made.
type oracle struct {
	packages map[string][]byte // by file name
	said     map[string]string // by name.part
}

var asked struct {
	sync.Once
	oracle
}

// ask returns packages and what rpm says of them, which it is asked once.
func ask(t testing.TB) oracle {
	t.Helper()
	asked.Do(func() {
		dir := t.TempDir()
		write := func(name string, body []byte) {
			if err := os.WriteFile(filepath.Join(dir, name), body, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		write("rpm.tar.xz", testenv.Fetched(t, rpmSource(t)))
		write("readme", []byte("read me\n"))
		write("odd.spec", testdata(t, "odd.spec"))
		write("nosource.spec", testdata(t, "nosource.spec"))
		for i, c := range dates {
			write(fmt.Sprintf("date-%02d.spec", i), []byte(dateSpec(c.line)))
		}
		testenv.ToolOf(t, "debian-12-rpm", []sandbox.Bind{{Host: dir, Inside: "/run/work", Writable: true}},
			"sh", "-c", "cd /run/work\n"+string(testdata(t, "ask.sh")))
		o := oracle{map[string][]byte{}, map[string]string{}}
		for name, b := range readDir(t, filepath.Join(dir, "rpms")) {
			o.packages[name] = b
		}
		for name, b := range readDir(t, filepath.Join(dir, "said")) {
			o.said[name] = string(b)
		}
		asked.oracle = o
	})
	if asked.packages == nil {
		t.Fatal("rpm could not be asked")
	}
	return asked.oracle
}

func readDir(t testing.TB, dir string) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if all[e.Name()], err = os.ReadFile(filepath.Join(dir, e.Name())); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

func testdata(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func open(b []byte) (*rpm.RPM, error) { return rpm.Open(bytes.NewReader(b), int64(len(b))) }

// TestAgreesWithRPM: of packages that rpmbuild makes and of those in rpm's own
// tests, each accessor says what rpm says.
func TestAgreesWithRPM(t *testing.T) {
	o := ask(t)
	if len(o.packages) != 18 {
		t.Errorf("%d packages", len(o.packages))
	}
	damaged := 0
	for name, b := range o.packages {
		t.Run(name, func(t *testing.T) {
			p, err := open(b)
			if _, ok := o.said[name+".damaged"]; ok {
				damaged++
				if want := "rpm: payload: its sha256 is " + digest.Of(nil).Hex(); err == nil || !strings.HasPrefix(err.Error(), want) {
					t.Errorf("%v, want %q", err, want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			compare := func(part, got string) {
				t.Helper()
				want, ok := o.said[name+"."+part]
				if diff := cmp.Diff(want, got); diff != "" || !ok {
					t.Errorf("%s:\n%s", part, diff)
				}
			}
			compare("head", strings.Join([]string{
				p.Name(), p.Epoch(), p.Version(), p.Release(), p.Arch(), p.EVR(), strconv.FormatBool(p.IsSource()), p.FileName(), p.Summary(), "",
			}, "\n"))
			var relations, requires strings.Builder
			for _, k := range []rpm.RelationKind{
				rpm.Requires, rpm.Provides, rpm.Conflicts, rpm.Obsoletes, rpm.Recommends, rpm.Suggests, rpm.Supplements, rpm.Enhances,
			} {
				for _, r := range p.Relations(k) {
					fmt.Fprintf(&relations, "%s %s %d\n", k, r, r.Flags)
				}
			}
			for _, r := range p.Relations(rpm.Requires) {
				fmt.Fprintln(&requires, r)
			}
			compare("relations", relations.String())
			compare("requires", requires.String())
			scripts, triggers, fileTriggers, flags := scriptsAsRPM(p)
			compare("scripts", scripts)
			compare("triggers", triggers)
			compare("filetriggers", fileTriggers)
			compare("flags", flags)
			compareFiles(t, p, o, name)
		})
	}
	if damaged != 1 {
		t.Errorf("%d damaged packages", damaged)
	}
}

// scriptsAsRPM prints scripts as rpm's options do (rpmpopt).
func scriptsAsRPM(p *rpm.RPM) (scripts, triggers, fileTriggers, flags string) {
	titles := map[string]string{"pre": "preinstall", "post": "postinstall", "preun": "preuninstall", "postun": "postuninstall", "verifyscript": "verify"}
	for _, s := range p.Scripts() {
		using := strings.Join(s.Interp, " ")
		title := s.Kind
		if long := titles[s.Kind]; long != "" {
			title = long
		}
		var on []string
		for _, r := range s.On {
			on = append(on, r.String())
		}
		trigger := fmt.Sprintf("%s scriptlet (using %s) -- %s\n%s\n", s.Kind, using, strings.Join(on, ", "), s.Body)
		switch prefix, _, _ := strings.Cut(s.Kind, "trigger"); {
		case s.On == nil && s.Body == "":
			scripts += title + " program: " + using + "\n"
		case s.On == nil:
			scripts += title + " scriptlet (using " + using + "):\n" + s.Body + "\n"
		case prefix == "":
			triggers += trigger
		default:
			fileTriggers += trigger
			flags += fmt.Sprintf("%strigger %d\n", prefix, s.Priority)
		}
		if s.Flags != 0 {
			flags = fmt.Sprintf("%s %d\n", s.Kind, s.Flags) + flags
		}
	}
	return scripts, triggers, fileTriggers, flags
}

// compareFiles compares each path with its line of rpm's.
func compareFiles(t *testing.T, p *rpm.RPM, o oracle, name string) {
	t.Helper()
	slash := "/"
	if p.IsSource() {
		slash = ""
	}
	byPath := map[string]rpm.File{}
	var list []string
	for _, f := range p.Files() {
		byPath[slash+f.Path] = f
		list = append(list, slash+f.Path)
	}
	wantList := strings.Fields(strings.ReplaceAll(strings.ReplaceAll(o.said[name+".list"], " ", "\x00"), "\n", " "))
	if wantList == nil || strings.HasPrefix(o.said[name+".list"], "(contains no files)") {
		wantList = nil
	}
	for i := range wantList {
		wantList[i] = strings.ReplaceAll(wantList[i], "\x00", " ")
	}
	slices.Sort(wantList)
	if !slices.Equal(list, wantList) {
		t.Errorf("files %q, want %q", list, wantList)
	}
	links := map[string]int{}
	for _, f := range p.Files() {
		if f.Kind == tree.HardLink {
			links[f.Link]++
		}
	}
	letters := map[rpm.FileFlags]string{
		rpm.Doc: "d", rpm.Config: "c", rpm.SpecFile: "s", rpm.MissingOK: "m", rpm.NoReplace: "n", rpm.Ghost: "g", rpm.License: "l",
		rpm.Readme: "r", rpm.Artifact: "a",
	}
	for line := range strings.Lines(o.said[name+".files"]) {
		w := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if w[0] == "(none)" {
			continue
		}
		f, ok := byPath[w[0]]
		if !ok {
			t.Errorf("no %s", w[0])
			continue
		}
		carrier, size, sum := f, w[4], w[5]
		if f.Kind == tree.HardLink {
			carrier = byPath[slash+f.Link]
		}
		kinds := map[tree.Kind]int{tree.File: 8, tree.HardLink: 8, tree.Dir: 4, tree.Symlink: 10, tree.CharDev: 2, tree.BlockDev: 6, tree.FIFO: 1}
		link := f.Link
		if f.Kind == tree.HardLink {
			link = ""
		}
		if carrier.Kind != tree.File {
			size, sum = "0", ""
		}
		got := carrier.Digest.Hex()
		if f.Flags.Has(rpm.Ghost) || carrier.Kind != tree.File {
			got = ""
		}
		if o.said[name+".algorithm"] == "1" {
			got, sum = strings.Repeat("0", 64), strings.Repeat("0", 64) // not kept
			if carrier.Digest != (digest.Digest{}) {
				t.Errorf("%s: a digest of its md5", w[0])
			}
		}
		var fflags string
		for _, bit := range []rpm.FileFlags{rpm.Doc, rpm.Config, rpm.SpecFile, rpm.MissingOK, rpm.NoReplace, rpm.Ghost, rpm.License, rpm.Readme, rpm.Artifact} {
			if f.Flags.Has(bit) {
				fflags += letters[bit]
			}
		}
		text := strings.Join([]string{
			w[0], strconv.Itoa(kinds[f.Kind]<<12 | int(f.Mode)), f.User, f.Group, strconv.FormatInt(carrier.Size, 10), got, link,
			strconv.Itoa(int(f.Major)<<8 | int(f.Minor)), strconv.Itoa(int(f.Flags)), f.Caps, f.Lang, strconv.FormatUint(uint64(f.Verify), 10),
			strconv.Itoa(1 + links[carrier.Path]), fflags,
		}, "\t")
		w[4], w[5] = size, sum
		if carrier.Kind != tree.File {
			w[12] = "1" // of directories rpm says what the file system said
		}
		if f.Flags.Has(rpm.Ghost) {
			w[5] = ""
		}
		if w[9] == "(none)" {
			w[9] = ""
		}
		if diff := cmp.Diff(strings.Join(w, "\t"), text); diff != "" {
			t.Errorf("%s", diff)
		}
	}
}
