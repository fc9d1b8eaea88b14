package fetch

import "sync"

// meter adds up the progress of a call.
type meter struct {
	mu          sync.Mutex // guards all below, and keeps calls of report in order
	done, total int64
	report      func(done, total int64)
}

func newMeter(todo []File, report func(done, total int64)) *meter {
	m := &meter{report: report}
	for _, f := range todo {
		m.total += max(0, f.Size)
	}
	return m
}

// add notes n more bytes of a file of a size; bytes of an unknown size are new
// to the total as well.
func (m *meter) add(n, size int64) {
	if m.report == nil || n == 0 {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.done += n
	if size < 0 {
		m.total += n
	}
	m.report(m.done, m.total)
}
