// Package sandbox runs one program in a room of its own: new user, mount, pid,
// network, IPC, host name and cgroup namespaces, a root file system made of
// read-only layers with a throwaway layer on top, no network, no capability
// and a system call filter. It needs neither root nor a set-user-id helper,
// and behaves the same for every caller. It knows paths and command lines and
// nothing of recipes. Linux 5.12 or later, amd64 and arm64.
//
// # Words
//
// The caller is the process that calls Run. Init is the same executable,
// started again as the first process of the new namespaces; it makes the room
// stage by stage, starts the program, and reaps. A layer is a directory of the
// host that is seen read-only; the upper directory takes what the program
// changes. The fake root is how the program sees itself: one uid is mapped, to
// 0, and calls that need a real root (chown, setuid, mknod of devices, fsync of
// a file system that is thrown away) are answered with success and do nothing.
//
// # Invariants
//
//   - The program reaches what its Spec names, and nothing else of the host:
//     no descriptor, no environment, no path, no socket, no process.
//   - Nor does a terminal of the host get in: a program that wants one has a new
//     one, of the sandbox's own devpts. The caller holds the master and carries
//     bytes and sizes.
//   - When any stage is refused nothing runs and the error names the stage; there
//     is no weaker second way.
//   - When Run has returned no process of the sandbox lives, and its mounts are
//     gone. When the caller is killed the kernel kills init and so all of it.
//   - No process in the sandbox has a capability, and none can get one.
//   - A program that takes more than its Limits is killed with all that it started,
//     and Run says which limit it was. No program is told to do with less.
//
// # What a program can see
//
// The mount table inside names layers by number and carries no path of the
// host, with one exception that the kernel leaves no way around: for a Bind,
// /proc/self/mountinfo (not /proc/mounts) shows the bound directory's path
// within its file system. Put what must not know where it came from into a
// layer. The kernel's version, the processors, the memory and the load are the
// host's. How large /tmp is and how many processes there may be (RLIMIT_NPROC) is
// the host's matter or that of Limits, which are therefore in no key. An image's own /etc/hosts and /etc/resolv.conf are kept; where it has
// none there is a hosts file that knows localhost, and an empty resolv.conf.
//
// # Where the kernel refuses an overlay
//
// In a container without a volume, scratch is on overlayfs itself, where no upper
// directory can be; other file systems keep no user.* attributes. Run tries the real mount,
// and where that is refused it copies the layers into scratch (blocks are shared where the
// file system can: XFS, Btrfs), tells Spec.Copying why, and moves what the program
// changed into the upper directory afterwards. The sandbox is otherwise the same, and so are
// the bytes of what comes out: upper holds what an overlay would have copied up, which the change times
// and inotify tell. It costs seconds for each run in the place of milliseconds: 525 MB in 12,500 paths take
// 3.2 s on two busy cores, the overlay 16 ms.
//
// An upper directory on a tmpfs of init's would be as fast as the overlay, but is gone with init, while
// callers read upper, use it again and make layers of it: it would have to be copied out, would hold
// images in memory, and needs Linux 6.6, so that the copy would be needed beside it.
//
// A program can tell the two apart: by the type of the file system and its device numbers;
// by rename(2) of a directory of a layer, which an overlay answers with EXDEV, whereupon mv and the like copy;
// by files that a layer has as hard links, which have one link each in the copy, since
// overlayfs too writes to one of them alone; and /proc/self/mountinfo shows
// the path of scratch for / as it does for a Bind. None of it is in a key: device and inode numbers and
// the order of directories differ between kernels and file systems under an overlay too, and what a build makes
// of them it makes on any two hosts. With hard links it is not so: a program that asks for the number of links
// of an image's file, or whether two are one (tar, du, cp -a), can make other bytes of them in a copy. Names that begin with .wh., which mean whiteouts in a layer,
// are an error in the copy, and so are directories more than 255 deep, and a clock that is set back meanwhile.
//
// What hides something of the layers below, a character device 0:0 or an attribute in
// an overlay's upper directory, is an empty file with its name in a layer's tar (.wh.NAME) where the file
// system takes these not; .wh..wh.names at the top says so, and keeps overlays away from that layer.
//
// # What it is not
//
// It keeps nothing of owners: a file that the program gave to another user belongs
// to the caller outside. It shares out nothing: two sandboxes together may take
// twice their limits. It does not guard against a hole in the kernel itself.
package sandbox
