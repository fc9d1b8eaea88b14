// Package event is the one stream in which a run tells what it does: the
// renderer for terminals, the plain lines, a file of JSON lines and the JUnit
// report are views of it.
//
// An event is a fact about one node (a recipe in one format, a builder image, a
// fetch) at one time. Producers call a Sink and never print. The stream is
// versioned: a reader of Version 1 may meet unknown fields and states and
// ignores them; a change of the meaning of one raises Version.
//
// It is not a log: the output of build programs goes to the log blob, and only
// the latest line of it (Step) is an event.
package event

import "time"

// Version is the version of the stream's meaning.
const Version = 1

// State is what a node has come to. Queued, Waiting, Fetching, Unpacking,
// Configuring, Storing and Building are passing; the others are final.
type State string

// The states of a node.
const (
	Queued      State = "queued"      // known, not begun
	Waiting     State = "waiting"     // for another process, or for the builder image that Step names
	Fetching    State = "fetching"    // Done and Total are bytes
	Unpacking   State = "unpacking"   // Done and Total are bytes of packages
	Configuring State = "configuring" // Step is the package
	Storing     State = "storing"     // Done and Total are bytes
	Building    State = "building"    // Step is the latest line of the log
	Cached      State = "cached"      // taken from the store
	Built       State = "built"       // made by this run
	Ready       State = "ready"       // laid out for somebody who looks at it
	Failed      State = "failed"      // Err says why, Log holds the tail
)

// Final reports whether no further event of the node follows.
func (s State) Final() bool { return s == Cached || s == Built || s == Ready || s == Failed }

// Node names what an event is about.
type Node struct {
	Name   string // a recipe's or a builder image's name
	Format string // "deb", "rpm"; "image" for a builder image
}

// Event is one fact. Fields that a state does not use are zero.
type Event struct {
	Time    time.Time
	Node    Node
	State   State
	Step    string  // what runs at the moment, one line, no control characters
	Done    int64   // progress in the state's unit
	Total   int64   // 0: unknown
	Seconds float64 // final states: how long the node took
	Err     error   // Failed only
	Log     LogTail // Failed only
}

// LogTail is the end of a failed node's log.
type LogTail struct {
	Command []string // the program that ended with an error
	Lines   []string // the last lines, at most 40
	Total   int      // lines of the whole log
}

// Sink takes events; calls may come from several goroutines at once.
type Sink func(Event)
