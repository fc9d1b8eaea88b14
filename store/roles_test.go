package store

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/fuel-infra/pbuild/store/digest"
)

// What the processes of role contend build.
var (
	contendedText = []byte("pbuild derivation 1\n")
	contendedKey  = digest.KeyOf(contendedText)
)

// roles are what test processes do.
var roles = map[string]func(args []string) error{
	"nothing": func([]string) error { return nil },
	"open": func(args []string) error {
		_, err := Open(args[0])
		return err
	},
	"hold": func(args []string) error {
		s, err := Open(args[0])
		if err != nil {
			return err
		}
		k, err := digest.ParseKey(args[1])
		if err != nil {
			return err
		}
		if _, err := s.LockKey(context.Background(), k); err != nil {
			return err
		}
		fmt.Println("held")
		time.Sleep(time.Minute)
		return nil
	},
	// scratch leaves a scratch, a half-written tree and a blob when it is killed.
	"scratch": func(args []string) error {
		s, err := Open(args[0])
		if err != nil {
			return err
		}
		sc, err := s.Scratch("dead")
		if err != nil {
			return err
		}
		if err := os.Mkdir(sc.Dir+"/tree", 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(sc.Dir+"/tree/file", []byte("x"), 0o444); err != nil {
			return err
		}
		if _, err := s.NewTree(); err != nil {
			return err
		}
		if _, err := s.PutBytes([]byte(helloText)); err != nil {
			return err
		}
		fmt.Println(sc.Dir)
		time.Sleep(time.Minute)
		return nil
	},
	"record": func(args []string) error {
		s, err := Open(args[0])
		if err != nil {
			return err
		}
		r, err := put(s, args[1], args[2])
		if err != nil {
			return err
		}
		if _, err := s.Record(r, args[1]+"-deb"); err != nil {
			return err
		}
		return s.Close()
	},
	"die":     dieInSession,
	"many":    many,
	"endless": endless,
	"contend": func(args []string) error {
		s, err := Open(args[0])
		if err != nil {
			return err
		}
		if _, err := s.PutBytes(contendedText); err != nil {
			return err
		}
		r, err := put(s, "hello", args[1])
		if err != nil {
			return err
		}
		r.Key = contendedKey
		kept, err := s.Record(r, "hello-deb")
		if err != nil {
			return err
		}
		fmt.Print(kept.Manifest)
		return nil
	},
	"lookup": func(args []string) error {
		s, err := Open(args[0])
		if err != nil {
			return err
		}
		k, err := digest.ParseKey(args[1])
		if err != nil {
			return err
		}
		_, err = s.Lookup(k)
		return err
	},
	// list wants a number of realizations.
	"list": func(args []string) error {
		s, err := Open(args[0])
		if err != nil {
			return err
		}
		all, err := s.Realizations()
		if err == nil && fmt.Sprint(len(all)) != args[1] {
			err = fmt.Errorf("%d realizations, want %s", len(all), args[1])
		}
		return err
	},
}
