package builder

import (
	"github.com/fuel-infra/pbuild/internal/limits"
	"github.com/fuel-infra/pbuild/sandbox"
)

// leastFree is what a build leaves of the disk: twice what the store needs
// to record anything at all.
const leastFree = 128 << 20

// leastInodes is the same of files: those that the store makes while it records, and
// other builds meanwhile.
const leastInodes = 4096

// SandboxLimits returns limits as a sandbox keeps them, for programs whose files lie
// on the store's disk.
func SandboxLimits(l limits.Limits) sandbox.Limits {
	return sandbox.Limits{
		Memory: l.Memory, Processes: l.Processes, Disk: l.Disk, Free: leastFree, Inodes: leastInodes, Output: l.Output, Time: l.Time,
	}
}
