package rpm

import (
	"fmt"
	"strings"
)

// RelationKind says what a relation means.
type RelationKind string

// The kinds of relations, as the options of rpm -q and spec files name them.
const (
	Requires    RelationKind = "requires"
	Provides    RelationKind = "provides"
	Conflicts   RelationKind = "conflicts"
	Obsoletes   RelationKind = "obsoletes"
	Recommends  RelationKind = "recommends"
	Suggests    RelationKind = "suggests"
	Supplements RelationKind = "supplements"
	Enhances    RelationKind = "enhances"
	Order       RelationKind = "orderwithrequires"
)

// tags3 are the tags that hold names, flags and versions.
type tags3 struct{ name, flags, version tag }

var relationTags = map[RelationKind]tags3{
	Requires:    {1049, 1048, 1050},
	Provides:    {1047, 1112, 1113},
	Conflicts:   {1054, 1053, 1055},
	Obsoletes:   {1090, 1114, 1115},
	Recommends:  {5046, 5048, 5047},
	Suggests:    {5049, 5051, 5050},
	Supplements: {5052, 5054, 5053},
	Enhances:    {5055, 5057, 5056},
	Order:       {5035, 5037, 5036},
}

// Relation is what a package asks of others or offers them.
type Relation struct {
	Name  string // a capability, a path, or a whole condition in parentheses
	Flags Sense
	EVR   string // [E:]V[-R], "" where any version will do
}

// Sense is how versions compare, and for what a relation is there
// (rpm's include/rpm/rpmds.h).
type Sense uint32

const senseOp Sense = 2 | 4 | 8

// Of a trigger's relations, what sets it off.
const (
	senseTriggerIn     Sense = 1 << 16
	senseTriggerUn     Sense = 1 << 17
	senseTriggerPostUn Sense = 1 << 18
	senseTriggerPreIn  Sense = 1 << 25
)

var senseWords = map[Sense]string{
	1 << 5: "posttrans", 1 << 6: "prereq", 1 << 7: "pretrans", 1 << 8: "interp", 1 << 9: "pre", 1 << 10: "post", 1 << 11: "preun",
	1 << 12: "postun", 1 << 13: "verify", 1 << 14: "auto", 1 << 15: "autoprov",
	senseTriggerIn: "triggerin", senseTriggerUn: "triggerun", senseTriggerPostUn: "triggerpostun", senseTriggerPreIn: "triggerprein",
	1 << 19: "missingok", 1 << 24: "rpmlib", 1 << 26: "keyring", 1 << 28: "config", 1 << 29: "meta",
}

// Op returns the comparison: "<", ">=", … or "".
func (s Sense) Op() string {
	var op string
	for bit, c := range []string{"", "<", ">", "="} {
		if bit > 0 && s&(1<<bit) != 0 {
			op += c
		}
	}
	return op
}

// String returns what is set besides the comparison, as words parted by commas in
// the order of their bits; a bit without a word is a hexadecimal number.
func (s Sense) String() string { return bitWords(uint32(s&^senseOp), senseWords) }

// String returns the relation as rpm -q prints it: "name >= 1.0-1".
func (r Relation) String() string {
	s := r.Name
	if op := r.Flags.Op(); op != "" {
		s += " " + op
	}
	if r.EVR != "" {
		s += " " + r.EVR
	}
	return s
}

// bitWords names the bits that are set.
func bitWords[T ~uint32](bits uint32, words map[T]string) string {
	var all []string
	for i := range 32 {
		if bit := uint32(1) << i; bits&bit != 0 {
			word := words[T(bit)]
			if word == "" {
				word = fmt.Sprintf("%#x", bit)
			}
			all = append(all, word)
		}
	}
	return strings.Join(all, ",")
}

func (p *RPM) readRelations(r *reader) {
	p.relations = make(map[RelationKind][]Relation)
	for k, t := range relationTags {
		p.relations[k] = readRelations(r, t)
	}
}

func readRelations(r *reader, t tags3) []Relation {
	names := r.texts(t.name)
	n := len(names)
	if n == 0 && (r.has(t.flags) || r.has(t.version)) {
		r.fail(t.name, "not there, but flags or versions are")
	}
	flags, versions := r.flags(n, t.flags), r.textsOf(n, t.version)
	all := make([]Relation, n)
	for i := range all {
		all[i] = Relation{Name: names[i], Flags: Sense(flags[i]), EVR: versions[i]}
		if names[i] == "" {
			r.fail(t.name, "an empty name")
		}
	}
	return all
}
