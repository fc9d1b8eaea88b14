// Package fetch brings files whose sha256 is known beforehand from HTTP mirrors
// into the store.
//
// Its words: a mirror is the root of a copy of a Debian archive, the directory
// that holds dists/ and pool/; a file is a path below it with its sha256 and
// size; a try is one request to one mirror; a file is gone when a mirror says
// that it does not have it (404, 410).
//
// Its invariants:
//
//   - A file enters the store only when all its bytes came and have the wanted
//     digest. What a mirror serves wrongly leaves nothing behind. What has no
//     digest that is known beforehand (Client.Unverified) enters nothing: the
//     caller gets its bytes, as a stranger's.
//   - Each file is tried on each mirror before it counts as failed, and passing
//     faults (cut connections, stalls, 408, 425, 429, 5xx) are tried again with
//     growing pauses, for half a minute to a minute without an answer.
//   - Nothing is trusted but digests: transport security, redirects within http
//     and https and the choice of a mirror decide only whether a fetch works.
//   - Work and memory are bounded whatever a server sends: bodies by the file's
//     size, redirects, headers, pauses and silence by the constants below.
//   - A client that is offline asks nobody, and looks at no mirror that is a folder.
//   - When a call returns, its goroutines have ended.
//
// What it is not: it verifies no signature and reads no index of an archive; of
// a Release file it looks at two fields, to choose among the host's mirrors. It
// resumes no partial file: packages are small, and a retry begins anew.
//
// Proxies are those of the environment (HTTP_PROXY, HTTPS_PROXY, NO_PROXY).
package fetch
