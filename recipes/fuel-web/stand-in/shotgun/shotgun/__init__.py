"""A stand-in: the names of the real package, and no work."""
