//go:build !root

package sandbox

import (
	"os/exec"
	"testing"
)

func testsOfRoot(*testing.M) int { return 0 }

func enterGroup(*exec.Cmd) (leave func(), err error) { return func() {}, nil }
