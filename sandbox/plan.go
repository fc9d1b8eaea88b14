package sandbox

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// plan is what init is told. It goes through a pipe, for a command line can be
// read by every process inside (/proc/1/cmdline), in this form: a sequence of
// unsigned varints, and of strings as their length and bytes, in the order of
// the fields. Paths, arguments and variables are bytes and need not be UTF-8.
type plan struct {
	lower   []string // absolute, bottom first
	scratch string
	binds   []Bind
	argv    []string
	env     []string
	dir     string
	null    [3]bool // which of the standard streams is /dev/null

	// terminal says that they are a terminal, and the first one a socket so far.
	terminal bool

	temporary uint64 // bytes that each of the temporary file systems can hold; 0: as the kernel has it
	processes uint64 // what RLIMIT_NPROC is set to; 0: as it is
	grouped   bool   // init is in a control group of its own
	// way is how the root file system is made; touched is for waySeparate.
	way     way
	touched []string // see touchedFiles

	// stop ends init before the program, once all stages were passed.
	stop bool
	// omit names stages that are left out. Only tests set it: it shows that an
	// attempt which a stage defeats would work without that stage.
	omit []string
}

var errPlan = errors.New("the plan is cut short or damaged")

// checkStrings refuses what no system call can carry.
func (p *plan) checkStrings() error {
	all := append([]string{p.scratch, p.dir}, p.lower...)
	all = append(append(all, p.argv...), p.env...)
	for _, b := range p.binds {
		all = append(all, b.Host, b.Inside)
	}
	for _, s := range all {
		if strings.IndexByte(s, 0) >= 0 {
			return fmt.Errorf("%q: holds a NUL byte", s)
		}
	}
	return nil
}

func (p *plan) encode() []byte {
	var b []byte
	str := func(s string) { b = append(binary.AppendUvarint(b, uint64(len(s))), s...) }
	list := func(l []string) {
		b = binary.AppendUvarint(b, uint64(len(l)))
		for _, s := range l {
			str(s)
		}
	}
	flag := func(v bool) {
		if v {
			b = append(b, 1)
		} else {
			b = append(b, 0)
		}
	}
	list(p.lower)
	str(p.scratch)
	b = binary.AppendUvarint(b, uint64(len(p.binds)))
	for _, bind := range p.binds {
		str(bind.Host)
		str(bind.Inside)
		flag(bind.Writable)
	}
	list(p.argv)
	list(p.env)
	str(p.dir)
	for _, v := range p.null {
		flag(v)
	}
	flag(p.terminal)
	b = binary.AppendUvarint(b, p.temporary)
	b = binary.AppendUvarint(b, p.processes)
	flag(p.grouped)
	b = append(b, byte(p.way))
	list(p.touched)
	flag(p.stop)
	list(p.omit)
	return b
}

// decodePlan reads exactly one plan; a caller that died while writing leaves a
// short one, which is an error and not an empty sandbox.
func decodePlan(b []byte) (p plan, err error) {
	bad := false
	number := func() uint64 {
		v, n := binary.Uvarint(b)
		if n <= 0 {
			bad, b = true, nil
			return 0
		}
		b = b[n:]
		return v
	}
	count := func() int {
		v := number()
		if v > uint64(len(b)) {
			bad, b = true, nil
			return 0
		}
		return int(v)
	}
	str := func() string {
		n := count()
		s := string(b[:n])
		b = b[n:]
		return s
	}
	list := func() []string {
		var l []string
		for n := count(); n > 0 && !bad; n-- {
			l = append(l, str())
		}
		return l
	}
	flag := func() bool {
		if len(b) == 0 || b[0] > 1 {
			bad, b = true, nil
			return false
		}
		v := b[0] == 1
		b = b[1:]
		return v
	}
	p.lower = list()
	p.scratch = str()
	for n := count(); n > 0 && !bad; n-- {
		p.binds = append(p.binds, Bind{Host: str(), Inside: str(), Writable: flag()})
	}
	p.argv = list()
	p.env = list()
	p.dir = str()
	for i := range p.null {
		p.null[i] = flag()
	}
	p.terminal = flag()
	p.temporary = number()
	p.processes = number()
	p.grouped = flag()
	if len(b) == 0 || b[0] > byte(waySeparate) {
		bad = true
	} else {
		p.way, b = way(b[0]), b[1:]
	}
	p.touched = list()
	p.stop = flag()
	p.omit = list()
	if bad || len(b) != 0 {
		return plan{}, errPlan
	}
	return p, nil
}
