// Package worker lets root use pbuild without anything running as root that
// need not: the process of root stays as the parent, and the same executable
// runs again as a dedicated unprivileged uid, the worker, which owns the store,
// fetches and builds.
//
// Its words: the parent reads recipes and sources, which may lie where only
// root can read, and sends them to the worker as a canonical tar; the worker
// hands over what is to be written where only root can write, as a stream of
// named files that the parent checks.
//
// Its invariants:
//
//   - The worker has no privilege: no capability, no supplementary group, no
//     descriptor of the parent but the standard streams and two pipes. It can get
//     none by executing a program (no_new_privs, an empty bounding set).
//   - A worker has root's terminal for writing only, and not as its own: it can
//     neither read what is typed there nor type. What is typed for it is read by
//     the parent and comes through a pipe.
//   - A worker dies with its parent.
//   - What the worker hands over is data with a plain name; where it goes is
//     decided by the parent alone.
//   - The owner of the store is the record of the uid that was chosen.
//
// What it is not: a daemon, and a boundary against root.
package worker
