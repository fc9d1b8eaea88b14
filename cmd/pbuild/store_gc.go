package main

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/fuel-infra/pbuild/internal/limits"
	"github.com/fuel-infra/pbuild/store"
)

// keepWithin is how long what nothing else needs is kept for its last use.
const keepWithin = "30d"

func storeGCVerb(con *console) *cli.Command {
	return &cli.Command{
		Name:  "gc",
		Usage: "remove what no root needs and nobody used lately",
		Description: examples("pbuild store gc --dry-run", "pbuild store gc --keep-within 7d", "pbuild store gc --quota 40GiB") + `
Roots are the newest realization of each recipe and format, and builder images.
What they need stays, and what a running build has put or found. The rest stays
for as long after its last use as --keep-within says, with its sources and the
image that it was built with. Ages count from the latest use of the store, and
a pause between two uses for a week at most, so that time without a build makes
little old. Above the quota, which is one of blobs, trees and journal, what was
used least lately goes too, roots never. It works on a full disk.
`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "dry-run", Usage: "list, and remove nothing"},
			&cli.StringFlag{Name: "keep-within", Value: keepWithin, Usage: "keep what was used within `AGE`, such as 12h or 8w; 0 for roots alone (default: " + keepWithin + ")"},
			&cli.StringFlag{Name: "quota", Usage: "above `SIZE`, such as 40GiB, remove more; 0 for no quota (default: store.quota of your configuration)"},
		},
		Before: func(c *cli.Context) error {
			if err := takes(0, 0, "")(c); err != nil {
				return err
			}
			_, err := gcPolicy(c, 0)
			return err
		},
		Action: func(c *cli.Context) error {
			conf, err := settings(con, placesOf(c))
			if err != nil {
				return fmt.Errorf("store gc: %w", err)
			}
			policy, err := gcPolicy(c, conf.Quota.Value)
			if err != nil {
				return err
			}
			s, err := store.Open(conf.Store.Value)
			if err != nil {
				return fmt.Errorf("store gc: %w", err)
			}
			defer s.Close()
			return storeGC(c.Context, con, s, policy, c.Bool("dry-run"))
		},
	}
}

// gcPolicy reads the flags; quota is that of the configuration.
func gcPolicy(c *cli.Context, quota int64) (p store.Policy, err error) {
	wrong := func(flag string, err error) error {
		return &usageError{msg: "store gc: --" + flag + ": " + err.Error(), hint: "pbuild help store gc"}
	}
	if p.KeepWithin, err = parseAge(c.String("keep-within")); err != nil {
		return p, wrong("keep-within", err)
	}
	if text := c.String("quota"); text == "0" {
		quota = 0
	} else if c.IsSet("quota") {
		if quota, err = limits.ParseSize(text); err != nil {
			return p, wrong("quota", err)
		}
	}
	p.Quota = quota
	return p, nil
}

// parseAge reads a whole number of hours, days or weeks, or 0.
func parseAge(text string) (time.Duration, error) {
	unit := map[byte]time.Duration{'h': time.Hour, 'd': 24 * time.Hour, 'w': 7 * 24 * time.Hour}
	if text == "0" {
		return 0, nil
	}
	if last := len(text) - 1; last > 0 && unit[text[last]] > 0 {
		each := unit[text[last]]
		if n, err := strconv.ParseUint(text[:last], 10, 63); err == nil && n <= uint64(math.MaxInt64/each) {
			return time.Duration(n) * each, nil
		}
	}
	return 0, fmt.Errorf("%q: want a whole number and h, d or w, such as 30d", text)
}

// storeItem is what «store gc --json» prints of each item.
type storeItem struct {
	Kind    string    `json:"kind"`
	Name    string    `json:"name"`
	Bytes   int64     `json:"bytes"`
	Used    time.Time `json:"used,omitzero"`  // last use
	What    string    `json:"what,omitempty"` // for people
	Removed bool      `json:"removed"`
}

// storeSum is what it prints last.
type storeSum struct {
	Items   int   `json:"items"`
	Bytes   int64 `json:"bytes"` // of the items
	Kept    int64 `json:"kept"`  // bytes of blobs, trees and journal that stay
	Quota   int64 `json:"quota,omitempty"`
	Removed bool  `json:"removed"`
}

func storeGC(ctx context.Context, con *console, s *store.Store, policy store.Policy, dry bool) error {
	plan, err := s.GC(ctx, policy, dry)
	if err != nil {
		return fmt.Errorf("store gc: %w", err)
	}
	var rows [][]cell
	for _, i := range plan.Items {
		if con.json {
			if err := con.object(storeItem{i.Kind, i.Name, i.Size, i.Used.UTC(), i.What, !dry}); err != nil {
				return err
			}
			continue
		}
		used := cell{"-", ""}
		if !i.Used.IsZero() {
			used = cell{i.Used.Local().Format(time.DateTime), i.Used.UTC().Format(time.RFC3339)}
		}
		rows = append(rows, []cell{
			plain(i.Kind), {sizeText(i.Size), fmt.Sprint(i.Size)}, used, plain(i.Name), {cmp.Or(i.What, "-"), i.What},
		})
	}
	if con.json {
		err = con.object(storeSum{len(plan.Items), plan.Bytes, plan.Kept, policy.Quota, !dry})
	} else {
		err = con.table(rows)
	}
	if err != nil {
		return err
	}
	freed, kept := "removed", "stay"
	if dry {
		freed, kept = "would remove", "would stay"
	}
	con.say("%s %s, %s; %s %s", freed, plural(len(plan.Items), "item"), sizeText(plan.Bytes), sizeText(plan.Kept), kept)
	if policy.Quota > 0 && plan.Kept > policy.Quota {
		con.say("above the quota of %s: roots and running builds need all of that", limits.SizeText(policy.Quota))
	}
	return nil
}
