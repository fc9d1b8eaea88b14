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

// remake makes a directory anew in the place of another, whose number it may get.
func remake(args []string) error {
	if err := os.RemoveAll(args[0]); err != nil {
		return err
	}
	return os.Mkdir(args[0], 0o755)
}

func touch(args []string) error {
	for _, name := range args {
		if err := os.WriteFile(name, []byte(name), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// openOnly opens files for writing and writes nothing.
func openOnly(args []string) error {
	for _, name := range args {
		f, err := os.OpenFile(name, os.O_RDWR, 0)
		if err != nil {
			return err
		}
		f.Close()
	}
	return nil
}

func appendTo(args []string) error {
	f, err := os.OpenFile(args[0], os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteString(args[1])
	return err
}

func link(args []string) error { return os.Link(args[0], args[1]) }

func symlink(args []string) error { return os.Symlink(args[0], args[1]) }

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
	name := "d"
	if len(args) > 2 {
		name = args[2]
	}
	for range n {
		if err := unix.Mkdir(name, 0o755); err != nil {
			return err
		}
		if err := unix.Chdir(name); err != nil {
			return err
		}
	}
	return os.WriteFile("file", []byte("deep"), 0o644)
}
