// Package limits holds what a build may take of a machine, as people write it:
//
//	limits: {memory: 4GiB, processes: 500, disk: 20GiB, output: 64MiB, time: 2h}
//
// in a recipe, in pbuild.yaml of a collection and in the user's own file. Sizes
// are whole numbers of KiB, MiB, GiB or TiB; times are whole hours, minutes and
// seconds. It knows nothing of how limits are kept: see package sandbox.
//
// A recipe asks, a Policy answers. Recipes and a collection's pbuild.yaml come
// from the same hands, which nobody has to trust: they choose what a build gets,
// up to what the user allows.
package limits

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/fuel-infra/pbuild/internal/yamldoc"
)

// Limits are for each program of a build, with all that it starts. 0: not stated.
type Limits struct {
	Memory    int64         `json:"memory,omitempty"`    // bytes at once
	Processes int64         `json:"processes,omitempty"` // processes and threads at once
	Disk      int64         `json:"disk,omitempty"`      // bytes that are added
	Output    int64         `json:"output,omitempty"`    // bytes that are printed
	Time      time.Duration `json:"time,omitempty"`      // by the clock on the wall
}

// Forms of sizes and times, as regular expressions.
const (
	SizeForm = `^[1-9][0-9]{0,9}(KiB|MiB|GiB|TiB)$`
	TimeForm = `^([1-9][0-9]{0,5}h)?([1-9][0-9]{0,5}m)?([1-9][0-9]{0,5}s)?$`
)

// MostProcesses is more than Linux can have (PID_MAX_LIMIT).
const MostProcesses = 1 << 22

// kind is one limit.
type kind struct {
	name  string
	of    func(*Limits) *int64
	parse func(yamldoc.Value) int64
	text  func(int64) string // inverse of parse
}

// kinds are in the order in which people see them. The least that can be stated is
// what the sandbox itself takes.
var kinds = []kind{
	{"memory", func(l *Limits) *int64 { return &l.Memory }, size(16 << 20), SizeText},
	{"processes", func(l *Limits) *int64 { return &l.Processes }, func(v yamldoc.Value) int64 { return v.Int(16, MostProcesses) }, number},
	{"disk", func(l *Limits) *int64 { return &l.Disk }, size(1 << 20), SizeText},
	{"output", func(l *Limits) *int64 { return &l.Output }, size(1 << 10), SizeText},
	{"time", func(l *Limits) *int64 { return (*int64)(&l.Time) }, parseTime, func(n int64) string { return TimeText(time.Duration(n)) }},
}

func number(n int64) string { return strconv.FormatInt(n, 10) }

// Names returns the names of all limits, as they are written.
func Names() (all []string) {
	for _, k := range kinds {
		all = append(all, k.name)
	}
	return all
}

// Parse reads a mapping of limits and notes its mistakes. An absent one states none.
func Parse(v yamldoc.Value) (l Limits) {
	f := v.Fields(Names()...)
	for _, k := range kinds {
		*k.of(&l) = k.parse(f.Get(k.name))
	}
	return l
}

func size(least int64) func(yamldoc.Value) int64 {
	return func(v yamldoc.Value) int64 {
		n := yamldoc.As(v, ParseSize)
		if v.Present() && n > 0 && n < least {
			v.Errorf("%s: want at least %s", SizeText(n), SizeText(least))
		}
		return n
	}
}

var units = []struct {
	name string
	size int64
}{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}}

// ParseSize reads bytes as they are written: "512MiB".
func ParseSize(s string) (int64, error) {
	for _, u := range units {
		digits, ok := strings.CutSuffix(s, u.name)
		if n, err := strconv.ParseUint(digits, 10, 34); ok && err == nil && digits[0] >= '1' && digits[0] <= '9' && len(digits) <= 10 {
			if int64(n) > math.MaxInt64/u.size {
				break
			}
			return int64(n) * u.size, nil
		}
	}
	return 0, fmt.Errorf("%q: want a whole number of KiB, MiB, GiB or TiB, e.g. 512MiB", s)
}

func parseTime(v yamldoc.Value) int64 {
	return int64(yamldoc.As(v, func(s string) (time.Duration, error) {
		d, err := time.ParseDuration(s)
		if err != nil || d < time.Second || !spelled(s) {
			return 0, fmt.Errorf("%q: want whole hours, minutes and seconds, e.g. 90s, 30m or 1h30m", s)
		}
		return d, nil
	}))
}

// spelled reports whether s is what TimeForm says.
func spelled(s string) bool {
	for _, unit := range []string{"h", "m", "s"} {
		before, after, ok := strings.Cut(s, unit)
		if !ok {
			continue
		}
		if n, err := strconv.ParseUint(before, 10, 20); err != nil || n == 0 || before[0] == '0' || before[0] == '+' || len(before) > 6 {
			return false
		}
		s = after
	}
	return s == ""
}

// SizeText writes bytes as they are read: "512MiB".
func SizeText(n int64) string {
	for _, u := range units {
		if n >= u.size && n%u.size == 0 {
			return number(n/u.size) + u.name
		}
	}
	return number(n) + " bytes"
}

// TimeText writes a time as it is read: "1h30m".
func TimeText(d time.Duration) string {
	var b strings.Builder
	for _, u := range []struct {
		name string
		of   time.Duration
	}{{"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}} {
		if n := d / u.of; n > 0 {
			fmt.Fprintf(&b, "%d%s", n, u.name)
			d -= n * u.of
		}
	}
	return b.String()
}

// Text writes the limit of this name, as it is read: "" where it is not stated.
func (l Limits) Text(name string) string {
	for _, k := range kinds {
		if n := *k.of(&l); k.name == name && n > 0 {
			return k.text(n)
		}
	}
	return ""
}

// Or returns l with what it does not state as under has it.
func (l Limits) Or(under Limits) Limits {
	for _, k := range kinds {
		if n := k.of(&l); *n == 0 {
			*n = *k.of(&under)
		}
	}
	return l
}

// AtMost returns l with nothing above what most states.
func (l Limits) AtMost(most Limits) Limits {
	for _, k := range kinds {
		if m, n := *k.of(&most), k.of(&l); m > 0 && (*n == 0 || *n > m) {
			*n = m
		}
	}
	return l
}
