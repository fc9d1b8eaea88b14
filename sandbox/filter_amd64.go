package sandbox

import "golang.org/x/sys/unix"

const (
	auditArch  = unix.AUDIT_ARCH_X86_64
	foreignBit = 0x40000000 // __X32_SYSCALL_BIT, asm/unistd.h
)

func legacyFaked() []uint32 { return []uint32{unix.SYS_CHOWN, unix.SYS_LCHOWN} }

func deviceCalls() []deviceCall {
	return []deviceCall{{unix.SYS_MKNOD, 1}, {unix.SYS_MKNODAT, 2}}
}
