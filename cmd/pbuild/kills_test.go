package main

import (
	"flag"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/fuel-infra/pbuild/store/digest"
)

var (
	killCount = flag.Int("kills", 100, "how often TestKills kills")
	killSeed  = flag.Uint64("seed", 0, "of TestKills's random numbers; 0: another one each time")
)

// TestKills kills pbuild at random moments: while it builds and hands over, collects
// garbage, makes the database anew, makes a store. The next command just works;
// what was said to be built is there; no process and no half file is left.
func TestKills(t *testing.T) {
	t.Parallel()
	seed := *killSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("again: go test ./cmd/pbuild -run TestKills -args -kills %d -seed %d", *killCount, seed)
	k := &kills{
		tinyPlace: newTinyPlace(t, 2), rng: rand.New(rand.NewPCG(seed, 1)),
		took: map[string]time.Duration{}, said: map[string]digest.Digest{}, known: map[digest.Digest]bool{},
	}
	k.first()
	for k.round = 1; k.round <= *killCount && !t.Failed(); k.round++ {
		k.kill()
		k.look()
		if k.round%20 == 0 {
			k.realizeAll()
		}
		if k.round%100 == 0 {
			k.ok("store", "verify")
		}
	}
	k.realizeAll()
	k.ok(killCommands["gc"]...)
	k.swept()
	k.ok("store", "verify")
	t.Logf("killed: %v", k.hit)
	if k.hit.killed < *killCount/4 {
		t.Errorf("of %d only %d were killed", *killCount, k.hit.killed)
	}
}

// kills is a place in which pbuild is killed.
type kills struct {
	*tinyPlace
	rng   *rand.Rand
	round int
	took  map[string]time.Duration // of the last command of a kind that nobody killed
	said  map[string]digest.Digest // of recipes that were said to be built, as they are now; zero: not said which file
	known map[digest.Digest]bool   // files of packages
	hit   struct{ killed, ended int }
}

// commands are what is killed, by kind.
var killCommands = map[string][]string{
	"realize": {"realize", "--all", "--jobs", "2", "--out", "out"},
	"gc":      {"store", "gc", "--keep-within", "0"},
	"rebuild": {"store", "rebuild"},
	"repair":  {"store", "verify", "--repair"},
	"fresh":   {"store", "ls"},
}

// first measures.
func (k *kills) first() {
	for _, kind := range []string{"realize", "rebuild", "realize", "gc", "repair", "fresh"} {
		if kind == "realize" {
			k.change(2)
		}
		begun := time.Now()
		k.ok(k.args(kind)...)
		k.took[kind] = time.Since(begun)
	}
	k.realizeAll()
}

// args makes the place ready for a command and returns it.
func (k *kills) args(kind string) []string {
	args := killCommands[kind]
	if kind == "fresh" {
		return append(slices.Clone(args), "--store", k.fresh())
	}
	return args
}

// fresh is a store that the round makes.
func (k *kills) fresh() string { return filepath.Join(k.dir, fmt.Sprintf("fresh-%d", k.round)) }

// change gives at most n recipes another source.
func (k *kills) change(n int) {
	for range n {
		name := fmt.Sprintf("k%d", k.rng.IntN(k.n))
		salt := strconv.FormatUint(k.rng.Uint64(), 36)
		k.salt(name, salt)
		delete(k.said, name)
	}
}

// kill runs a command and kills it.
func (k *kills) kill() {
	kind := []string{"realize", "realize", "realize", "realize", "realize", "realize", "gc", "gc", "rebuild", "fresh"}[k.rng.IntN(10)]
	if k.rng.IntN(40) == 0 {
		kind = "repair" // it takes long: the image is read in full
	}
	if kind == "realize" {
		k.change(1 + k.rng.IntN(k.n))
	}
	whom := []string{killMain, killGroup}
	if os.Geteuid() == 0 {
		whom = append(whom, killWorker)
	}
	delay := time.Duration(k.rng.Int64N(int64(k.took[kind])))
	who := whom[k.rng.IntN(len(whom))]
	args := append([]string{who, strconv.FormatInt(delay.Microseconds(), 10)}, k.args(kind)...)
	begun := time.Now()
	r := k.run("pbuild-killed", args...)
	switch {
	case r.code == exitOrphans || r.code == exitUsage || strings.Contains(r.stderr, "panic"):
		k.t.Errorf("kill %d: %s", k.round, r)
	case r.code != exitDone && r.code != exitKilled && who != killWorker:
		k.t.Errorf("kill %d of %s, after %s: it failed: %s", k.round, who, delay, r)
	case r.code == exitDone:
		k.hit.ended++
		k.took[kind] = time.Since(begun)
	default:
		k.hit.killed++
	}
	for line := range strings.Lines(r.stderr) {
		if strings.HasPrefix(line, slowEnd) {
			k.t.Logf("kill %d of %s: %s", k.round, who, line)
		}
	}
	k.listen(r)
	if kind == "fresh" {
		k.ok("store", "verify", "--store", k.fresh())
		if err := os.RemoveAll(k.fresh()); err != nil {
			k.t.Error(err)
		}
	}
}

var (
	saidBuilt = regexp.MustCompile(`(?m)^pbuild: \[\d/\d\] (k\d) rpm: built .*\n`)
	saidFile  = regexp.MustCompile(`(?m)^(?:built|cached)\trpm\t(sha256:[0-9a-f]{64})\t(k\d)-1\.0-1\.noarch\.rpm\n`)
)

// listen takes down what a command said is built.
func (k *kills) listen(r ran) {
	for _, m := range saidBuilt.FindAllStringSubmatch(r.stderr, -1) {
		k.said[m[1]] = digest.Digest{}
	}
	for _, m := range saidFile.FindAllStringSubmatch(r.stdout, -1) {
		d, err := digest.Parse(m[1])
		if err != nil {
			k.t.Error(err)
		}
		k.said[m[2]] = d
	}
}

// look is the first to use the store after a kill.
func (k *kills) look() {
	switch k.rng.IntN(4) {
	case 0:
		k.ok(killCommands["gc"]...)
		k.swept()
	case 1:
		k.ok("store", "rebuild")
	case 2:
		k.ok("plan", "--all")
	}
	found := map[digest.Digest]string{}
	built := map[string]int{}
	for _, r := range k.stored() {
		for _, f := range r.Files {
			found[f.SHA256] = r.Recipe
			k.known[f.SHA256] = true
		}
		built[r.Recipe]++
	}
	for name, d := range k.said {
		if built[name] == 0 || !d.IsZero() && found[d] != name {
			k.t.Errorf("kill %d: said to be built and lost: %s %s of %v", k.round, name, d, found)
		}
	}
	if names := k.names("quarantine"); names != nil {
		k.t.Errorf("kill %d: quarantine holds %q", k.round, names)
	}
	k.handedOver()
}

// handedOver wants whole files where the packages go.
func (k *kills) handedOver() {
	out := filepath.Join(k.dir, "out")
	entries, err := os.ReadDir(out)
	if err != nil {
		k.t.Fatal(err)
	}
	for _, e := range entries {
		body, err := os.ReadFile(filepath.Join(out, e.Name()))
		info, err2 := e.Info()
		if err != nil || err2 != nil || !k.known[digest.Of(body)] || info.Mode() != fs.FileMode(0o644) {
			k.t.Errorf("kill %d: out has %s, %v, %v, %d bytes", k.round, e.Name(), info, err, len(body))
		}
	}
}

// swept wants nothing in the making, and no session, after a gc.
func (k *kills) swept() {
	if names := k.names("tmp"); names != nil {
		k.t.Errorf("kill %d: gc left in tmp: %q", k.round, names)
	}
	for _, name := range k.names("locks") {
		if strings.HasPrefix(name, "live-") {
			k.t.Errorf("kill %d: gc left a session: %s", k.round, name)
		}
	}
}

// realizeAll wants all packages, and those that were said to be built from the store.
func (k *kills) realizeAll() {
	said := k.said
	r := k.ok(killCommands["realize"]...)
	k.said = map[string]digest.Digest{}
	k.listen(r)
	if len(k.said) != k.n {
		k.t.Errorf("kill %d: %s", k.round, r)
	}
	for name, d := range said {
		if !strings.Contains(r.stdout, "cached\trpm\t"+k.said[name].String()) || !d.IsZero() && d != k.said[name] {
			k.t.Errorf("kill %d: %s was built, %s: %s", k.round, name, d, r)
		}
	}
}
