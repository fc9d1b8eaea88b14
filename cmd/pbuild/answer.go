package main

import (
	"fmt"
	"time"

	"github.com/fuel-infra/pbuild/store/digest"
)

// result is one package file of an answer.
type result struct {
	State    string        `json:"state"` // "cached", "built", "pulled"
	Recipe   string        `json:"recipe"`
	Format   string        `json:"format"`
	Arch     string        `json:"arch"`
	Key      digest.Key    `json:"key"`
	Artifact digest.Digest `json:"artifact"` // of the manifest
	SHA256   digest.Digest `json:"sha256"`   // of the file
	File     string        `json:"file"`
	Seconds  float64       `json:"seconds"` // how long the realization took when it was built
}

// results prints the files of a run, and for people what came of it in took;
// nothing where there are none.
func (c *console) results(all []result, took time.Duration) error {
	if c.json {
		for _, r := range all {
			if err := c.object(r); err != nil {
				return err
			}
		}
	} else {
		rows := make([][]cell, len(all))
		for i, r := range all {
			rows[i] = []cell{plain(r.State), plain(r.Format), digestCell(r.SHA256), plain(r.File)}
		}
		if err := c.table(rows); err != nil {
			return err
		}
	}
	if len(all) > 0 {
		c.say("%s", summary(all, took))
	}
	return nil
}

// summary returns e.g. «30 packages: 16 cached, 3 pulled, 11 built in 1m04s;
// building all: 9m12s».
func summary(all []result, took time.Duration) string {
	states, keys, whole := map[string]int{}, map[digest.Key]bool{}, 0.0
	for _, r := range all {
		states[r.State]++
		if !keys[r.Key] {
			keys[r.Key] = true
			whole += r.Seconds
		}
	}
	s := plural(len(all), "package")
	sep := ": "
	for _, state := range []string{"cached", "pulled", "built"} {
		if states[state] > 0 {
			s += fmt.Sprintf("%s%d %s", sep, states[state], state)
			sep = ", "
		}
	}
	return s + " in " + secondsText(took.Seconds()) + "; building all: " + secondsText(whole)
}

// plural returns "1 package" or "3 packages".
func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
