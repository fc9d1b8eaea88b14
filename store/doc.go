// Package store keeps what was fetched and built: bytes by digest, results by
// key, unpacked images, and the names that hold them.
package store
