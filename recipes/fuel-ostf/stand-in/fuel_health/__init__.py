"""A stand-in: the names of the real package, and a checksum."""
