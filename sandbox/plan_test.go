package sandbox

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"syscall"
	"testing"
)

func examplePlan() plan {
	return plan{
		lower:     []string{"/a", "/b:\xff"},
		scratch:   "/s",
		binds:     []Bind{{Host: "/h", Inside: "/i", Writable: true}, {Host: "/x", Inside: "/y"}},
		argv:      []string{"a", ""},
		env:       []string{"A=" + strings.Repeat("x", 1<<16)},
		dir:       "/d",
		null:      [3]bool{true, false, true},
		terminal:  true,
		temporary: 1 << 40,
		processes: 300,
		grouped:   true,
		way:       waySeparate,
		touched:   []string{"a/b"},
		stop:      true,
		omit:      []string{"masks"},
	}
}

func TestPlanIsReadAsWritten(t *testing.T) {
	for _, want := range []plan{{}, examplePlan()} {
		got, err := decodePlan(want.encode())
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, %v", got, err)
		}
	}
	// Each field is carried: a plan with one more field than the code writes
	// would not come back.
	if n := reflect.TypeFor[plan]().NumField(); n != 15 {
		t.Errorf("%d fields: extend examplePlan", n)
	}
}

func TestPlanCutShort(t *testing.T) {
	whole := examplePlan()
	b := whole.encode()
	for n := range len(b) {
		if n > 300 && n < len(b)-300 {
			continue // within the long variable
		}
		if _, err := decodePlan(b[:n]); !errors.Is(err, errPlan) {
			t.Fatalf("%d bytes of %d: got %v", n, len(b), err)
		}
	}
	if _, err := decodePlan(append(b, 0)); !errors.Is(err, errPlan) {
		t.Errorf("a byte more: got %v", err)
	}
}

func FuzzPlan(f *testing.F) {
	e := examplePlan()
	f.Add(e.encode())
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := decodePlan(b)
		if err != nil {
			return
		}
		again, err := decodePlan(p.encode())
		if err != nil || !reflect.DeepEqual(p, again) {
			t.Errorf("%+v became %+v, %v", p, again, err)
		}
	})
}

func TestReport(t *testing.T) {
	fault := fmt.Errorf("/a\tb\n%q: %w", "x", syscall.ENOENT)
	for _, c := range []struct {
		text string
		want outcome
	}{
		{"", outcome{}},
		{doneLine("a") + doneLine("b c") + endLine(0), outcome{done: []string{"a", "b c"}, ended: true}},
		{endLine(3 << 8), outcome{ended: true, code: 3}},
		{endLine(9), outcome{ended: true, code: -1, signal: syscall.SIGKILL}},
		{failLine("x", syscall.EPERM), outcome{failed: "x", err: syscall.EPERM}},
		{failLine("x", errPlan), outcome{failed: "x", err: errors.New(errPlan.Error())}},
	} {
		got, err := readReport(strings.NewReader(c.text), func() {})
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%q: got %+v, %v", c.text, got, err)
		}
	}
	got, err := readReport(strings.NewReader(failLine("x", fault)), func() {})
	if err != nil || !errors.Is(got.err, syscall.ENOENT) || got.err.Error() != fault.Error() {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, text := range []string{"exit\n", "exit\tx\n", "signal\t\n", "fail\tx\n", "other\n"} {
		if _, err := readReport(strings.NewReader(text), func() {}); err == nil {
			t.Errorf("%q: no error", text)
		}
	}
}

// FuzzReport: whatever init's pipe holds, the report ends in at most one way.
func FuzzReport(f *testing.F) {
	f.Add(doneLine("a") + doneLine("b c") + endLine(3<<8))
	f.Add(doneLine("a") + endLine(9))
	f.Add(failLine("x", fmt.Errorf("/a\tb\n: %w", syscall.ENOENT)))
	f.Fuzz(func(t *testing.T, text string) {
		rep, err := readReport(strings.NewReader(text), func() {})
		if err == nil && (rep.failed != "" && rep.err == nil || rep.err != nil && rep.err.Error() == "") {
			t.Errorf("%+v", rep)
		}
	})
}
