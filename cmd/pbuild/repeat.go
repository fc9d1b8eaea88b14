package main

import (
	"slices"
	"strings"
)

// repeated are the flags of a command line that say what it is about, --name=value,
// in the order typed. A hint names a line to type next, which without them would be
// about something else.
type repeated []string

// Flags that say what a line is about: of every verb, and of those that have the
// second sort.
var (
	placeFlags = []string{"store", "config", "recipes"}
	givenFlags = []string{"source", "set"}
	givenVerbs = []string{"realize", "plan", "status", "key", "log", "shell"}
)

// repeat returns the flags that a hint repeats.
func (c command) repeat() (all repeated) {
	for _, f := range c.flags {
		if name, _ := cutFlag(f); slices.Contains(placeFlags, name) || slices.Contains(givenFlags, name) {
			all = append(all, f)
		}
	}
	return all
}

// line returns «pbuild WORDS», of which the first is the verb, with the flags that
// the verb takes.
func (r repeated) line(words ...string) string {
	out := append([]string{"pbuild"}, words...)
	for _, f := range r {
		name, value := cutFlag(f)
		if !slices.Contains(placeFlags, name) && !slices.Contains(givenVerbs, words[0]) {
			continue
		}
		if strings.HasPrefix(value, "-") {
			out = append(out, "--"+name+"="+flagWord(value))
		} else {
			out = append(out, "--"+name, flagWord(value))
		}
	}
	return strings.Join(out, " ")
}

// without returns the flags but for what was given in the place of a source, for a
// line that gives it anew.
func (r repeated) without(source string) repeated {
	return slices.DeleteFunc(slices.Clone(r), func(f string) bool {
		name, value := cutFlag(f)
		return name == "source" && strings.HasPrefix(value, source+"=")
	})
}

func cutFlag(f string) (name, value string) {
	name, value, _ = strings.Cut(strings.TrimPrefix(f, "--"), "=")
	return name, value
}

// flagWord quotes a flag's value for a shell, to which an = in it means nothing.
func flagWord(value string) string {
	parts := strings.Split(value, "=")
	for i, p := range parts {
		parts[i] = shellWord(p)
	}
	return strings.Join(parts, "=")
}
