package main

import (
	"fmt"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// receive listens at each name, and says what descriptors come.
func receive(args []string) error {
	for _, name := range args {
		l, err := net.ListenUnix("unix", &net.UnixAddr{Name: name, Net: "unix"})
		if err != nil {
			return err
		}
		go func() {
			for {
				c, err := l.AcceptUnix()
				if err != nil {
					return
				}
				oob := make([]byte, unix.CmsgSpace(4))
				_, n, _, _, err := c.ReadMsgUnix(make([]byte, 1), oob)
				if err == nil && n > 0 {
					fmt.Printf("%s: came\n", name)
				}
				c.Close()
			}
		}()
	}
	fmt.Println("listening")
	time.Sleep(time.Hour)
	return nil
}

// offer sends a file that it can write to each name.
func offer(args []string) error {
	f, err := os.Create("/tmp/offered")
	if err != nil {
		return err
	}
	defer f.Close()
	for _, name := range args {
		c, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: name, Net: "unix"})
		if err == nil {
			_, _, err = c.WriteMsgUnix([]byte("x"), unix.UnixRights(int(f.Fd())), nil)
			c.Close()
		}
		say(name, err)
	}
	return nil
}
