package main

import (
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

func rm(args []string) error {
	for _, name := range args {
		if err := os.RemoveAll(name); err != nil {
			return err
		}
	}
	return nil
}

func mv(args []string) error {
	say("mv", os.Rename(args[0], args[1]))
	return nil
}

func mkdir(args []string) error {
	for _, name := range args {
		if err := os.Mkdir(name, 0o755); err != nil {
			return err
		}
	}
	return nil
}

func touch(args []string) error {
	for _, name := range args {
		if err := os.WriteFile(name, []byte(name), 0o644); err != nil {
			return err
		}
	}
	return nil
}

func chmod(args []string) error {
	mode, err := strconv.ParseUint(args[0], 8, 32)
	if err != nil {
		return err
	}
	for _, name := range args[1:] {
		if err := unix.Chmod(name, uint32(mode)); err != nil {
			return err
		}
	}
	return nil
}

// deep makes a chain of directories that no path is long enough for.
func deep(args []string) error {
	n, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	if err := os.Chdir(args[0]); err != nil {
		return err
	}
	for range n {
		if err := unix.Mkdir("d", 0o755); err != nil {
			return err
		}
		if err := unix.Chdir("d"); err != nil {
			return err
		}
	}
	return os.WriteFile("file", []byte("deep"), 0o644)
}
