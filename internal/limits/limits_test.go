package limits

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/fuel-infra/pbuild/internal/yamldoc"
)

func parse(text string) (Limits, error) {
	doc, err := yamldoc.Parse("f", []byte(text))
	if err != nil {
		return Limits{}, err
	}
	l := Parse(doc.Root().Fields("limits").Get("limits"))
	return l, doc.Err()
}

func TestParse(t *testing.T) {
	got, err := parse("limits: {memory: 4GiB, processes: 500, disk: 20GiB, output: 64MiB, time: 1h30m}\n")
	if want := (Limits{4 << 30, 500, 20 << 30, 64 << 20, 90 * time.Minute}); err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
	for name, want := range map[string]string{"memory": "4GiB", "processes": "500", "disk": "20GiB", "output": "64MiB", "time": "1h30m"} {
		if text := got.Text(name); text != want {
			t.Errorf("%s: %q", name, text)
		}
	}
	if got, err := parse("{}\n"); err != nil || got != (Limits{}) {
		t.Errorf("none: %+v, %v", got, err)
	}
	if got, err := parse("limits: {time: 90s, memory: 1536MiB}\n"); err != nil || got.Time != 90*time.Second || got.Text("time") != "1m30s" || got.Text("memory") != "1536MiB" {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestMistakes(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"limits: 3", "f:1:9: limits: want a mapping, have a number"},
		{"limits: {memry: 1GiB}", `f:1:10: limits: unknown field "memry": did you mean memory?`},
		{"limits: {memory: 1024}", "f:1:18: limits.memory: 1024 is a number: quote it"},
		{"limits: {memory: 1GB}", `f:1:18: limits.memory: "1GB": want a whole number of KiB, MiB, GiB or TiB, e.g. 512MiB`},
		{"limits: {memory: 0GiB}", `f:1:18: limits.memory: "0GiB": want a whole number of KiB, MiB, GiB or TiB, e.g. 512MiB`},
		{"limits: {memory: -1GiB}", `f:1:18: limits.memory: "-1GiB": want a whole number of KiB, MiB, GiB or TiB, e.g. 512MiB`},
		{"limits: {disk: 9999999999TiB}", `f:1:16: limits.disk: "9999999999TiB": want a whole number of KiB, MiB, GiB or TiB, e.g. 512MiB`},
		{"limits: {memory: GiB}", `f:1:18: limits.memory: "GiB": want a whole number of KiB, MiB, GiB or TiB, e.g. 512MiB`},
		{"limits: {memory: 1.5GiB}", `f:1:18: limits.memory: "1.5GiB": want a whole number of KiB, MiB, GiB or TiB, e.g. 512MiB`},
		{"limits: {memory: 1MiB}", "f:1:18: limits.memory: 1MiB: want at least 16MiB"},
		{"limits: {processes: 3}", "f:1:21: limits.processes: 3: want 16 to 4194304"},
		{"limits: {processes: 1e3}", `f:1:21: limits.processes: want a decimal number, have "1e3"`},
		{"limits: {time: 2d}", `f:1:16: limits.time: "2d": want whole hours, minutes and seconds, e.g. 90s, 30m or 1h30m`},
		{"limits: {time: 500ms}", `f:1:16: limits.time: "500ms": want whole hours, minutes and seconds, e.g. 90s, 30m or 1h30m`},
		{"limits: {time: 1.5h}", `f:1:16: limits.time: "1.5h": want whole hours, minutes and seconds, e.g. 90s, 30m or 1h30m`},
		{"limits: {time: 3m1h}", `f:1:16: limits.time: "3m1h": want whole hours, minutes and seconds, e.g. 90s, 30m or 1h30m`},
		{"limits: {time: 0s}", `f:1:16: limits.time: "0s": want whole hours, minutes and seconds, e.g. 90s, 30m or 1h30m`},
		{"limits: {time: 90}", "f:1:16: limits.time: 90 is a number: quote it"},
		{"limits: {output: 1, time: x}", "f:1:18: limits.output: 1 is a number: quote it\nf:1:27: limits.time: \"x\": want whole hours, minutes and seconds, e.g. 90s, 30m or 1h30m"},
	} {
		if _, err := parse(c.text + "\n"); err == nil || err.Error() != c.want {
			t.Errorf("%s: got\n  %v\nwant\n  %s", c.text, err, c.want)
		}
	}
}

// TestPolicy: a recipe chooses up to what the user allows, and where the user says
// nothing up to half of the machine's memory and what is built in.
func TestPolicy(t *testing.T) {
	const gib = 1 << 30
	p := NewPolicy(Limits{}, Limits{}, 16*gib+4097)
	if want := (Limits{8 * gib, 4096, 0, 256 << 20, 12 * time.Hour}); p.Of(Limits{}) != want {
		t.Errorf("built in: %+v", p.Of(Limits{}))
	}
	hostile := Limits{1 << 60, 1 << 20, 1 << 60, 1 << 60, 1 << 60}
	if want := (Limits{8 * gib, 32768, 1 << 60, 4 * gib, 48 * time.Hour}); p.Of(hostile) != want {
		t.Errorf("of a hostile recipe: %+v", p.Of(hostile))
	}
	collection := Limits{Memory: 12 * gib, Time: time.Hour, Disk: gib}
	user := Limits{Memory: 10 * gib, Processes: 100, Disk: 2 * gib}
	p = NewPolicy(collection, user, 16*gib)
	if want := (Limits{10 * gib, 100, gib, 256 << 20, time.Hour}); p.Of(Limits{}) != want || p.Default != want {
		t.Errorf("with all: %+v", p.Of(Limits{}))
	}
	if want := (Limits{10 * gib, 100, 2 * gib, 4 * gib, 48 * time.Hour}); p.Of(hostile) != want {
		t.Errorf("of a hostile recipe: %+v", p.Of(hostile))
	}
	if got := p.Of(Limits{Memory: gib}); got.Memory != gib {
		t.Errorf("less: %+v", got)
	}
	for _, c := range []struct {
		name         string
		had          int64
		text         string
		recipe, user bool
	}{
		{"memory", gib, "limits: {memory: 2GiB}", true, false},
		{"memory", 6 * gib, "limits: {memory: 12GiB}", true, true},
		{"memory", 10 * gib, "limits: {memory: 20GiB}", false, true},
		{"processes", 100, "limits: {processes: 200}", false, true},
		{"time", int64(45 * time.Minute), "limits: {time: 1h30m}", true, false},
		{"time", int64(48 * time.Hour), "limits: {time: 96h}", false, true},
		{"free space", 1, "", false, false},
	} {
		if text, recipe, user := p.Raised(c.name, c.had); text != c.text || recipe != c.recipe || user != c.user {
			t.Errorf("%+v: %s, %v, %v", c, text, recipe, user)
		}
	}
}

// FuzzParse: what is taken has the form that is published, and is written as it was
// read, or as the same.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"1GiB", "90s", "1h30m", "0s", "9999999TiB", "+1s", "1_0s"} {
		f.Add(s)
	}
	sizes, times := regexp.MustCompile(SizeForm), regexp.MustCompile(TimeForm)
	f.Fuzz(func(t *testing.T, s string) {
		if strings.ContainsAny(s, "'\n\r") {
			return
		}
		if l, err := parse("limits: {disk: '" + s + "'}\n"); err == nil && l.Disk > 0 {
			if !sizes.MatchString(s) {
				t.Errorf("%q is taken", s)
			}
			if again, err := parse("limits: {disk: " + l.Text("disk") + "}\n"); err != nil || again != l {
				t.Errorf("%q: then %+v, %v", s, again, err)
			}
		}
		if l, err := parse("limits: {time: '" + s + "'}\n"); err == nil && l.Time > 0 {
			if !times.MatchString(s) {
				t.Errorf("%q is taken", s)
			}
			if again, err := parse("limits: {time: " + l.Text("time") + "}\n"); err != nil || again.Time != l.Time {
				t.Errorf("%q: then %+v, %v", s, again, err)
			}
		}
	})
}
