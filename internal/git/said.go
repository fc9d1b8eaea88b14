package git

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

const (
	maxLine = 4 << 10   // bytes of a line that are kept
	maxKept = 200       // lines that are kept, the last ones
	maxSaid = 256 << 20 // bytes; the rest is not looked at
)

// said takes what git says on stderr: progress goes on, the rest is kept.
type said struct {
	progress func(text string, done, total int64)

	mu    sync.Mutex // guards what follows
	bytes int64
	line  []byte
	kept  []string
}

func newSaid(progress func(string, int64, int64)) *said { return &said{progress: progress} }

var progressLine = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(?:remote: )?([A-Z][A-Za-z ]+):\s+(?:[0-9]+% )?\(?([0-9]+)(?:/([0-9]+)\))?`)
})

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bytes += int64(len(p))
	if s.bytes > maxSaid {
		return len(p), nil
	}
	for rest := p; ; {
		i := bytes.IndexAny(rest, "\r\n")
		if i < 0 {
			s.add(rest)
			return len(p), nil
		}
		s.add(rest[:i])
		s.end()
		rest = rest[i+1:]
	}
}

func (s *said) add(p []byte) {
	s.line = append(s.line, p[:min(len(p), maxLine-len(s.line))]...)
}

// end takes a whole line.
func (s *said) end() {
	line := strings.TrimSpace(strings.ReplaceAll(string(s.line), "\x1b[K", ""))
	s.line = s.line[:0]
	if line == "" {
		return
	}
	if m := progressLine().FindStringSubmatch(line); m != nil {
		if s.progress != nil {
			done, _ := strconv.ParseInt(m[2], 10, 64)
			total, _ := strconv.ParseInt(m[3], 10, 64)
			s.progress(strings.ToLower(m[1]), done, total)
		}
		return
	}
	if len(s.kept) == maxKept {
		s.kept = append(s.kept[:0], s.kept[1:]...)
	}
	s.kept = append(s.kept, line)
}

func (s *said) total() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bytes
}

// text returns the lines kept, as one.
func (s *said) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.line) > 0 {
		s.end()
	}
	return strings.Join(s.kept, "\n")
}

// reason returns git's own word for why it ended, else err's.
func (s *said) reason(err error) string {
	why := ""
	for line := range strings.Lines(s.text()) {
		for _, prefix := range []string{"fatal: ", "error: ", "remote: fatal: ", "ERROR: "} {
			if rest, ok := strings.CutPrefix(line, prefix); ok && (why == "" || strings.HasPrefix(line, "fatal: ")) {
				why = rest
			}
		}
	}
	if why == "" {
		why = err.Error()
	}
	return clean(why, 300)
}
