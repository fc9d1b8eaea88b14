package sandbox

import "golang.org/x/sys/unix"

const (
	auditArch  = unix.AUDIT_ARCH_AARCH64
	foreignBit = 0 // one ABI for each architecture
)

// legacyFaked is empty: arm64 has fchown and fchownat only.
func legacyFaked() []uint32 { return nil }

func deviceCalls() []deviceCall { return []deviceCall{{unix.SYS_MKNODAT, 2}} }
