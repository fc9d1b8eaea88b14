package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/urfave/cli/v2"

	"github.com/fuel-infra/pbuild/recipe"
	"github.com/fuel-infra/pbuild/sandbox"
)

// versions is what can differ between two copies of pbuild.
type versions struct {
	Version    string `json:"version"`
	Commit     string `json:"commit,omitempty"` // with «+» where the tree was changed
	Go         string `json:"go"`
	Platform   string `json:"platform"`
	Derivation int    `json:"derivation"` // number in every key
	Sandbox    int    `json:"sandbox"`    // number in every key
}

func versionVerb(con *console) *cli.Command {
	return &cli.Command{
		Name:        "version",
		Usage:       "print the version, and the numbers that are in every key",
		Description: examples("pbuild version", "pbuild version --json"),
		Before:      takes(0, 0, ""),
		Action: func(c *cli.Context) error {
			v := readVersions()
			if con.json {
				return con.object(v)
			}
			return con.print(v.String())
		},
	}
}

func (v versions) String() string {
	commit := ""
	if v.Commit != "" {
		commit = " " + v.Commit
	}
	return fmt.Sprintf("pbuild %s%s %s %s, derivation %d, sandbox %d\n", v.Version, commit, v.Go, v.Platform, v.Derivation, v.Sandbox)
}

func readVersions() versions {
	v := versions{
		Version:    "(unknown)",
		Go:         runtime.Version(),
		Platform:   runtime.GOOS + "/" + runtime.GOARCH,
		Derivation: recipe.DerivationFormat,
		Sandbox:    sandbox.ABI,
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	v.Version = info.Main.Version
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			v.Commit = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			v.Commit += "+"
		}
	}
	return v
}
