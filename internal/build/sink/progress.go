package sink

import (
	"io"
	"sync"
)

// Progress is told how many bytes of an image are where they were sent to, out
// of how many. Calls do not overlap. done falls when an upload has to begin anew.
type Progress func(done, total int64)

// meter counts for a Progress.
type meter struct {
	mu          sync.Mutex
	done, total int64
	tell        Progress // nil for nobody
}

func (m *meter) add(bytes int64) {
	if m.tell == nil || bytes == 0 {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.done += bytes
	m.tell(m.done, m.total)
}

// metered counts what is written through it.
type metered struct {
	w io.Writer
	m *meter
}

func (c metered) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.m.add(int64(n))
	return n, err
}
