package store

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
	"time"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/fuel-infra/pbuild/store/digest"
)

// Policy says what GC keeps of what no root needs. The zero Policy keeps nothing
// of it.
//
// Ages count from the latest use of anything in the store, and of the time between one
// use and the next at most a week: neither a year without a build nor a clock that is a
// year ahead makes everything old, and what is used first after either makes the rest
// older by a week. What was used in the future was used just now.
type Policy struct {
	KeepWithin time.Duration // keep what was used no longer ago than this
	Quota      int64         // bytes of blobs, trees and journal, above which what was used least lately goes too; 0: none
}

// isLoose reports whether a root keeps nothing for its name's sake: the name goes
// with what it stands for, which is kept for its use or for what needs it.
func isLoose(desc v1.Descriptor) bool {
	return desc.Annotations[whileNeeded] != "" || desc.MediaType == sourceMediaType
}

// unit is what the policy keeps or lets go as one: a realization that no root
// keeps, or a loose root.
type unit struct {
	kind, name string // a journal's or a root's
	used       time.Time
	size       int64 // of its own file, bytes
	needs      needs
}

// applyPolicy marks what of the rest is kept for its last use.
func (s *Store) applyPolicy(m *marks, p Policy, sizes inventory) error {
	if p.KeepWithin <= 0 {
		return nil
	}
	units, err := s.units(m)
	if err != nil {
		return err
	}
	// Whatever the clock said, those of the future are equal.
	now := s.now()
	for i := range units {
		units[i].used = earlier(units[i].used, now)
	}
	age := ages(m, now)
	units = slices.DeleteFunc(units, func(u unit) bool { return age[u.used.UnixNano()] > p.KeepWithin })
	slices.SortFunc(units, func(a, b unit) int {
		return cmp.Or(a.used.Compare(b.used), strings.Compare(a.kind, b.kind), strings.Compare(a.name, b.name))
	})
	for _, u := range withinQuota(units, m, p.Quota, sizes) {
		if u.kind == kindRealization {
			m.live[u.name] = true
		}
		m.keep(u.needs)
	}
	return nil
}

// units returns what no root and no session keeps.
func (s *Store) units(m *marks) ([]unit, error) {
	var all []unit
	for _, e := range m.entries {
		if e.err != nil || m.live[e.name] {
			continue
		}
		n, err := s.needsOfEntry(e, m.images)
		if err != nil {
			return nil, err
		}
		all = append(all, unit{kindRealization, e.name, e.used, int64(len(e.file)), n})
	}
	for _, r := range m.loose {
		n, err := s.needsOf(r.desc)
		if err != nil {
			return nil, err
		}
		all = append(all, unit{kindRoot, r.name, r.used, 0, n})
	}
	return all, nil
}

// longestPause is how much of the time between one use and the next counts. It is
// shorter than what people keep for, and longer than a weekend.
const longestPause = 7 * 24 * time.Hour

// ages returns the age of each use, by its nanoseconds in Unix time: the time from one
// use to the next, up to the latest, each of them at most longestPause.
func ages(m *marks, now time.Time) map[int64]time.Duration {
	var uses []time.Time
	for _, e := range m.entries {
		uses = append(uses, earlier(e.used, now))
	}
	for _, r := range m.loose {
		uses = append(uses, earlier(r.used, now))
	}
	slices.SortFunc(uses, time.Time.Compare)
	age := map[int64]time.Duration{}
	var sum time.Duration
	for i, used := range slices.Backward(uses) {
		if i+1 < len(uses) {
			sum += min(uses[i+1].Sub(used), longestPause)
		}
		age[used.UnixNano()] = sum
	}
	return age
}

func earlier(a, b time.Time) time.Time {
	if a.After(b) {
		return b
	}
	return a
}

// withinQuota returns the units that fit; they come the least lately used first.
// What several need counts once, and goes with the last of them.
func withinQuota(units []unit, m *marks, quota int64, sizes inventory) []unit {
	if quota <= 0 {
		return units
	}
	total := sizes.kept(m)
	blobs, trees := map[digest.Digest]int{}, map[digest.Digest]int{}
	// each calls fn for what only units need.
	each := func(u unit, fn func(of map[digest.Digest]int, d digest.Digest, size int64)) {
		for _, d := range unique(u.needs.blobs) {
			if !m.blobs[d] {
				fn(blobs, d, sizes.blobs[d])
			}
		}
		for _, d := range unique(u.needs.trees) {
			if !m.trees[d] {
				fn(trees, d, sizes.trees[d])
			}
		}
	}
	for _, u := range units {
		total += u.size
		each(u, func(of map[digest.Digest]int, d digest.Digest, size int64) {
			if of[d]++; of[d] == 1 {
				total += size
			}
		})
	}
	for len(units) > 0 && total > quota {
		total -= units[0].size
		each(units[0], func(of map[digest.Digest]int, d digest.Digest, size int64) {
			if of[d]--; of[d] == 0 {
				total -= size
			}
		})
		units = units[1:]
	}
	return units
}

func unique(ds []digest.Digest) []digest.Digest {
	ds = slices.Clone(ds)
	slices.SortFunc(ds, func(a, b digest.Digest) int { return bytes.Compare(a[:], b[:]) })
	return slices.Compact(ds)
}
