package store

import "fmt"

// Scratch is a private directory of mode 0700 under the store's tmp/. It is
// swept when its process is gone.
type Scratch struct {
	Dir string

	temp   tempDir
	closed bool
}

// Scratch makes a directory whose name begins with pattern, and sweeps those
// of dead processes. ErrNoSpace: below the floor of 64 MiB nothing begins.
func (s *Store) Scratch(pattern string) (*Scratch, error) {
	if err := checkName(pattern); err != nil {
		return nil, fmt.Errorf("scratch: %w", err)
	}
	if err := s.sweepTemps(); err != nil {
		return nil, fmt.Errorf("scratch: %w", err)
	}
	temp, err := s.newDir(pattern, false)
	if err != nil {
		return nil, fmt.Errorf("scratch: %w", err)
	}
	return &Scratch{Dir: temp.path, temp: temp}, nil
}

// newDir makes a directory in tmp/ where there is room.
func (s *Store) newDir(prefix string, session bool) (tempDir, error) {
	if err := s.checkSpace(); err != nil {
		return tempDir{}, err
	}
	if session {
		if err := s.beginSession(); err != nil {
			return tempDir{}, err
		}
	}
	temp, err := s.tempDir(prefix)
	if err != nil {
		return tempDir{}, spaceError(s.dir, err)
	}
	return temp, nil
}

// Close removes the directory with all that is in it, whatever its modes; it
// may be called again.
func (s *Scratch) Close() error {
	if s.closed {
		return nil
	}
	s.closed = true
	if err := s.temp.remove(); err != nil {
		return fmt.Errorf("scratch: %w", err)
	}
	return nil
}
