// Package git brings exact commits of git repositories into directories, by
// running the host's git (≥ 2.39) with an environment of its own.
//
// Its words: a remote is the URLs of one repository, in order; a source is one
// of them, or a mirror that stands for one; a try is what one source answered;
// an id is a commit's full hash, 40 digits (SHA-1) or 64 (SHA-256).
//
// Its invariants:
//
//   - A directory gets the tree of exactly the commit that was asked for: git
//     hashes each object that comes, and nothing but the id is trusted.
//   - No code of a repository runs: there is no checkout, and so no hook, filter,
//     attribute or submodule command. Files are read as objects and written by
//     tree.Unpack, which reaches nothing through a symbolic link.
//   - git sees no configuration, credentials or GIT_ variables of the caller,
//     asks nobody anything, and uses no other protocol than the URL's. It gets
//     PATH, proxies, the certificates that SSL_CERT_FILE and SSL_CERT_DIR name,
//     and SSH_AUTH_SOCK; ssh reads the ~/.ssh of the user that runs it.
//   - Each source is tried before a call fails, and the error says of each why.
//   - Time, bytes on disk, output and entries are bounded, whatever a server
//     sends. When a call returns, its processes have ended and what it made in
//     Client.Tmp is gone.
//
// What it is not: a cache (the caller keeps what it got), and no judge of
// branches: who asks Resolve believes the server.
//
// Redirects are followed where git follows them by itself: in the first answer
// of an HTTP server, also to another host, never from https to http. What comes
// is checked by its id, and there are no credentials to give away.
package git
