// Package store keeps what was fetched and built: bytes under their digest,
// results under their key, unpacked image layers under their diff ID, and the
// names that hold them. It is one directory of one user, used by many processes
// at once without a server.
//
// # The directory
//
//	format                 "pbuild store 1\n"; a higher number is refused
//	oci-layout, index.json the directory is an OCI image layout: skopeo reads it
//	blobs/sha256/HEX       every blob, mode 0444
//	journal/HEX            a realization, by key; the file's time is its last use
//	roots/NAME             a descriptor; index.json is derived from these
//	trees/HEX, HEX.ledger  an unpacked layer and what it ought to be
//	db/                    Badger: copies of journal/ and of small blobs
//	failed/                what is left of builds that failed, for people
//	locks/, tmp/           locks and sessions; things in the making
//	quarantine/            what was found damaged, for a week
//	reserve                64 MiB that GC gives back first to a full disk
//
// A blob is bytes under their sha256. A realization says what a key stands for;
// the first writer of a key wins. Its inputs are the blobs that it was built from.
// A root is a name that keeps an image or artifact, and all that hangs on it, from
// GC; a loose root goes with what it stands for, which its use keeps, or what needs
// it. A source is a blob that a loose root source-HEX names by the digest by which
// derivations do, where that is not the blob's own; other loose roots are of images
// that were set only for as long as something needs them. The last use of a
// realization and of a loose root is the time of its file, renewed at most daily.
// A session is the time from the first write of a Store to its Close: what it puts,
// and what it finds, GC leaves alone, recorded or not. What is named by no root, by
// no realization that a root keeps or that was used lately, and by no session is
// garbage.
//
// # What holds
//
//   - A name appears only after its bytes are on the disk: temporary file, sync,
//     rename, sync of the directory. The order is blob, journal, root, database.
//     A crash at any point leaves a miss, never a lie, and nothing to repair by
//     hand.
//   - Journal and roots are the truth. The database and index.json are made from
//     them: deleted or damaged, they come back by themselves, with the same
//     lookups and the same GC plan. index.json is the copy of a root whose file is
//     damaged, until that is put back.
//   - Bytes are proved whenever they are read: blobs by their digest, journal,
//     roots, ledgers and database values by a seal (a digest of their own text).
//     What fails goes to quarantine/. Entries of the journal and small blobs heal
//     from the database's copies; the rest is a miss until it is put again. Repair
//     does so for all of a store at once, and drops what names a miss.
//   - Who waits for a lock waits for a living process: all locks are flock(2),
//     which ends with its holder. No process id and no clock decides anything but
//     the age of last use, of which a pause counts for at most a week, and of what
//     failed or was set aside.
//
// # Locks
//
// locks/gc is held shared for the moments in which something is added, and
// exclusively while GC decides and unlinks; so GC runs between builds' steps and
// does not wait for builds. What a session holds is a list in its file
// locks/live-…, locked while its process lives. locks/db, with a turnstile
// before it, is the gate of the database, since Badger's own lock does not wait.
// They are taken in the order gc, then journal or roots, then db.
//
// # What Badger is for, and what not
//
// The database goes through all realizations without a file each, and holds the
// copies that heal. A lookup by key reads the journal: one small file has the same
// bytes, decides anyway, and is read in less time than Badger takes to open.
//
// Badger maps its files: a full disk kills the process with SIGBUS, also one
// that only reads. It ends the process on a table whose end is damaged, and a
// damaged value can come back empty without an error. Hence blobs are files;
// nothing is written, and the database not even opened, below 64 MiB free; its
// files are summed after each write session and compared before each opening;
// and it can be deleted at any time.
//
// # What it is not
//
// It knows nothing of recipes, and of images only what names what. It trusts
// its own user: who can write to the directory can replace the store. What
// leaves it for people is a copy or a reflink, never a hard link.
package store
