package main

// foreign adds nothing: a 64-bit process can't make 32-bit calls here.
func foreign(map[string]func() error) {}
