package limits

import "time"

// Policy is what all builds are allowed.
type Policy struct {
	Default Limits `json:"default"` // of a recipe that states nothing
	Most    Limits `json:"most"`    // of any recipe
}

// Of returns what a build gets whose recipe asks for this.
func (p Policy) Of(asked Limits) Limits { return asked.Or(p.Default).AtMost(p.Most) }

// NewPolicy makes one of what the collection and the user state, for a machine with
// so many bytes of memory; 0: not known.
//
// Where nobody states anything a build gets half of the memory, so that two builds
// leave the machine alive, 4096 processes, 256 MiB of output and 12 hours: a large
// package that is compiled on one processor takes many. A recipe or a collection gets
// up to 32768 processes, 4 GiB of output and 48 hours by itself. Only the user can allow
// more than that, and more memory. The disk is bounded by what has to stay free.
func NewPolicy(collection, user Limits, memory int64) Policy {
	builtIn := Limits{Memory: memory / 2 &^ (1<<20 - 1), Processes: 4096, Output: 256 << 20, Time: 12 * time.Hour}
	most := user.Or(Limits{Memory: builtIn.Memory, Processes: 32768, Output: 4 << 30, Time: 48 * time.Hour})
	return Policy{Default: collection.Or(user).Or(builtIn).AtMost(most), Most: most}
}

// Raised returns what to write where the limit of this name was reached, twice as
// much, and who has to: the recipe, the user, or both. It is "" for another name.
func (p Policy) Raised(name string, had int64) (text string, recipe, user bool) {
	for _, k := range kinds {
		if k.name == name {
			most := *k.of(&p.Most)
			return "limits: {" + name + ": " + k.text(2*had) + "}", most == 0 || had < most, most > 0 && 2*had > most
		}
	}
	return "", false, false
}
