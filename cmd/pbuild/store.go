package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/fuel-infra/pbuild/store"
	"github.com/fuel-infra/pbuild/store/digest"
)

func storeVerb(con *console) *cli.Command {
	return &cli.Command{
		Name:  "store",
		Usage: "look at, check and clean the local store",
		Description: examples("pbuild store ls", "pbuild store path hello", "pbuild store verify",
			"pbuild store gc --dry-run"),
		Subcommands: []*cli.Command{
			storeLsVerb(con),
			storePathVerb(con),
			storeVerifyVerb(con),
			storeGCVerb(con),
			storeRebuildVerb(con),
		},
	}
}

func storeLsVerb(con *console) *cli.Command {
	return &cli.Command{
		Name:        "ls",
		Usage:       "list what was built",
		Description: examples("pbuild store ls", "pbuild store ls --json"),
		Before:      takes(0, 0, ""),
		Action: func(c *cli.Context) error {
			s, err := openStore(con, placesOf(c))
			if err != nil {
				return fmt.Errorf("store ls: %w", err)
			}
			defer s.Close()
			return storeLs(con, s)
		},
	}
}

// stored is a realization as «store ls --json» prints it.
type stored struct {
	Recipe   string        `json:"recipe"`
	Format   string        `json:"format"`
	Arch     string        `json:"arch"`
	Version  string        `json:"version"`
	Key      digest.Key    `json:"key"`
	Artifact digest.Digest `json:"artifact"`
	Files    []storedFile  `json:"files"`
	Bytes    int64         `json:"bytes"` // of the files
	Finished time.Time     `json:"finished"`
	Seconds  float64       `json:"seconds"`
}

type storedFile struct {
	File   string        `json:"file"`
	SHA256 digest.Digest `json:"sha256"`
	Bytes  int64         `json:"bytes"`
}

func storeLs(con *console, s *store.Store) error {
	all, err := s.Realizations()
	if err != nil {
		return fmt.Errorf("store ls: %w", err)
	}
	slices.SortFunc(all, func(a, b store.Realization) int {
		return cmp.Or(strings.Compare(a.Recipe, b.Recipe), strings.Compare(a.Format, b.Format),
			b.Finished.Compare(a.Finished), strings.Compare(a.Key.Hex(), b.Key.Hex()))
	})
	var rows [][]cell
	var bytes int64
	for _, r := range all {
		row := stored{
			Recipe: r.Recipe, Format: r.Format, Arch: r.Arch, Version: r.Version, Key: r.Key,
			Artifact: r.Manifest, Finished: r.Finished.UTC(), Seconds: r.Seconds,
		}
		for _, f := range r.Files {
			row.Files = append(row.Files, storedFile{f.Name, f.Digest, f.Size})
			row.Bytes += f.Size
		}
		bytes += row.Bytes
		if con.json {
			if err := con.object(row); err != nil {
				return err
			}
			continue
		}
		rows = append(rows, []cell{
			plain(row.Recipe), plain(row.Format), plain(row.Arch), plain(row.Version),
			{row.Key.Short(), row.Key.String()},
			{sizeText(row.Bytes), fmt.Sprint(row.Bytes)},
			{row.Finished.Local().Format(time.DateTime), row.Finished.Format(time.RFC3339)},
		})
	}
	if err := con.table(rows); err != nil {
		return err
	}
	con.say("%s, %s of packages", plural(len(all), "realization"), sizeText(bytes))
	return nil
}

func storePathVerb(con *console) *cli.Command {
	return &cli.Command{
		Name:      "path",
		Usage:     "print where the store keeps a blob, or the files of a package",
		ArgsUsage: "DIGEST|NAME",
		Description: examples("dpkg-deb --contents $(pbuild store path hello --format deb)",
			"pbuild store path sha256:b32598d0fc5e…") +
			"\nThe files are the store's own: read them, never write. A digest is written in full.\n",
		Flags:  []cli.Flag{formatFlag()},
		Before: takes(1, 1, "DIGEST or NAME"),
		Action: func(c *cli.Context) error {
			format, err := formatOf(c)
			if err != nil {
				return err
			}
			s, err := openStore(con, placesOf(c))
			if err != nil {
				return fmt.Errorf("store path: %w", err)
			}
			defer s.Close()
			if err := storePath(con, s, c.Args().First(), string(format)); err != nil {
				return fmt.Errorf("store path: %w", err)
			}
			return nil
		},
	}
}

// formatFlag narrows a name to one of its formats.
func formatFlag() cli.Flag {
	return &cli.StringFlag{Name: "format", Usage: "only this `FORMAT`: deb or rpm; of source packages dsc or srpm"}
}

// blobPath is a file of the store as «store path --json» prints it.
type blobPath struct {
	Path   string        `json:"path"`
	SHA256 digest.Digest `json:"sha256"`
	File   string        `json:"file,omitempty"` // its name as a package
}

func storePath(con *console, s *store.Store, what, format string) error {
	var found []blobPath
	if strings.HasPrefix(what, "sha256:") {
		d, err := digest.Parse(what)
		if err != nil {
			return &usageError{msg: err.Error(), hint: "pbuild store ls --json shows them in full"}
		}
		if _, ok := s.HasBlob(d); !ok {
			return fmt.Errorf("%s: %w", d, store.ErrNotFound)
		}
		found = append(found, blobPath{Path: s.BlobPath(d), SHA256: d})
	} else {
		all, err := s.Realizations()
		if err != nil {
			return err
		}
		picked, err := pick(all, what, format)
		if err != nil {
			return err
		}
		for _, r := range picked {
			for _, f := range r.Files {
				found = append(found, blobPath{s.BlobPath(f.Digest), f.Digest, f.Name})
			}
		}
	}
	var rows [][]cell
	for _, f := range found {
		if con.json {
			if err := con.object(f); err != nil {
				return err
			}
			continue
		}
		rows = append(rows, []cell{plain(f.Path)})
	}
	return con.table(rows)
}
