package main

import (
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

func argv(args []string) error {
	fmt.Printf("%q\n", args)
	return nil
}

func env([]string) error {
	fmt.Printf("%q\n", os.Environ())
	return nil
}

// facts prints what a build could see of its surroundings.
func facts([]string) error {
	dir, err := os.Getwd()
	if err != nil {
		return err
	}
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return err
	}
	sid, _ := unix.Getsid(0)
	initSID, _ := unix.Getsid(1)
	groups, err := os.Getgroups()
	if err != nil {
		return err
	}
	mask := unix.Umask(0)
	fmt.Printf("uid: %d %d\ngid: %d %d\ngroups: %v\n", os.Getuid(), os.Geteuid(), os.Getgid(), os.Getegid(), groups)
	fmt.Printf("dir: %s\numask: %03o\nsession leader: %v\nsession of init: %d\nparent: %d\n", dir, mask, sid == os.Getpid(), initSID, os.Getppid())
	fmt.Printf("host: %s\ndomain: %s\n", unix.ByteSliceToString(u.Nodename[:]), unix.ByteSliceToString(u.Domainname[:]))
	// Those of init, since a Go program raises its own number of open files.
	limits, err := os.ReadFile("/proc/1/limits")
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(limits)) {
		for _, name := range []string{"Max core file size", "Max open files", "Max stack size"} {
			if rest, ok := strings.CutPrefix(line, name); ok {
				fmt.Printf("%s: %s\n", name, strings.Fields(rest)[0])
			}
		}
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return err
	}
	for _, line := range strings.Split(string(status), "\n") {
		for _, key := range []string{"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp", "SigIgn", "SigBlk"} {
			if strings.HasPrefix(line, key+":") {
				fmt.Println(strings.ReplaceAll(line, "\t", " "))
			}
		}
	}
	ifaces, err := net.Interfaces()
	if err != nil {
		return err
	}
	for _, i := range ifaces {
		if i.Flags&net.FlagUp != 0 {
			fmt.Printf("interface up: %s\n", i.Name)
		}
	}
	return nil
}

// threads prints what the threads of init may do.
func threads([]string) error {
	entries, err := os.ReadDir("/proc/1/task")
	if err != nil {
		return err
	}
	for _, e := range entries {
		b, err := os.ReadFile("/proc/1/task/" + e.Name() + "/status")
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(b)) {
			if strings.HasPrefix(line, "CapEff:") || strings.HasPrefix(line, "Seccomp:") {
				fmt.Print(line)
			}
		}
	}
	return nil
}

// fds lists this process's descriptors.
func fds([]string) error {
	d, err := os.Open("/proc/self/fd")
	if err != nil {
		return err
	}
	names, err := d.Readdirnames(-1)
	if err != nil {
		return err
	}
	for _, n := range names {
		if n == fmt.Sprint(d.Fd()) {
			continue
		}
		to, err := os.Readlink("/proc/self/fd/" + n)
		if err != nil {
			continue // one of the runtime's, gone by now
		}
		fmt.Printf("%s %s\n", n, to)
	}
	return nil
}

func mounts([]string) error {
	for _, name := range []string{"/proc/self/mounts", "/proc/self/mountinfo"} {
		b, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		fmt.Printf("%s", b)
	}
	return nil
}

// read prints each file's contents, or why not.
func read(args []string) error {
	for _, name := range args {
		b, err := os.ReadFile(name)
		if err != nil {
			say(name, err)
			continue
		}
		if len(b) > 64 {
			b = b[:64]
		}
		fmt.Printf("%s: %q\n", name, b)
	}
	return nil
}

func ls(args []string) error {
	for _, name := range args {
		entries, err := os.ReadDir(name)
		if err != nil {
			say(name, err)
			continue
		}
		var names []string
		for _, e := range entries {
			names = append(names, e.Name())
		}
		fmt.Printf("%s: %q\n", name, names)
	}
	return nil
}

func readlink(args []string) error {
	for _, name := range args {
		to, err := os.Readlink(name)
		if err != nil {
			say(name, err)
			continue
		}
		fmt.Printf("%s: %q\n", name, to)
	}
	return nil
}

// write tries to write to each file without making it.
func write(args []string) error {
	for _, name := range args {
		f, err := os.OpenFile(name, os.O_WRONLY, 0)
		if err == nil {
			_, err = f.WriteString("0")
			f.Close()
		}
		say(name, err)
	}
	return nil
}

// stat prints owner, mode and attributes.
func stat(args []string) error {
	for _, name := range args {
		var st unix.Stat_t
		if err := unix.Lstat(name, &st); err != nil {
			say(name, err)
			continue
		}
		buf := make([]byte, 256)
		n, _ := unix.Lgetxattr(name, "user.overlay.opaque", buf)
		fmt.Printf("%s: %o %d:%d %s\n", name, st.Mode, st.Uid, st.Gid, hex.EncodeToString(buf[:max(n, 0)]))
	}
	return nil
}
