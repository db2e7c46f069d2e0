package traffic

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// accessQueue is how many lines wait for the disk; what comes above is dropped.
// The other two bound what clients can put into a line, and so what waits.
const (
	accessQueue = 4096
	maxPath     = 1024
	maxWord     = 256
)

// accessLog writes a line for each request into a file, if it is told to, without
// any request waiting for the disk. run writes; the rest is safe for concurrent
// use.
type accessLog struct {
	lines   chan []byte
	dropped atomic.Uint64 // lines that nobody will read
	on      atomic.Bool

	mu   sync.Mutex
	file *os.File // nil: lines are not wanted
}

func newAccessLog() *accessLog { return &accessLog{lines: make(chan []byte, accessQueue)} }

// open makes the file at path the one that is written to, and closes the one
// before, so that the same path again begins a file that was moved away. With ""
// there are no more lines. With an error nothing changes.
func (l *accessLog) open(path string) error {
	var next *os.File
	if path != "" {
		if !filepath.IsAbs(path) {
			return fmt.Errorf("open access log: %s is not an absolute path", path)
		}
		var err error
		if next, err = os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600); err != nil {
			return fmt.Errorf("open access log: %w", err)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file != nil {
		l.file.Close()
	}
	l.file = next
	l.on.Store(next != nil)
	return nil
}

// reopen opens the file's path anew, for whoever has moved the file away.
func (l *accessLog) reopen() error {
	l.mu.Lock()
	path := ""
	if l.file != nil {
		path = l.file.Name()
	}
	l.mu.Unlock()
	return l.open(path)
}

// run writes what is logged until ctx ends, and then what is left.
func (l *accessLog) run(ctx context.Context, log *slog.Logger) {
	defer func() { _ = l.open("") }() // closing cannot fail
	whole := true
	for {
		var line []byte
		select {
		case line = <-l.lines:
		case <-ctx.Done():
			select {
			case line = <-l.lines:
			default:
				return
			}
		}
		err := l.write(line)
		if err != nil && whole {
			log.Error("access log is not written", "error", err)
		}
		whole = err == nil
	}
}

// write writes a line, and those that wait behind it, with as few calls as
// possible. What could not be written is dropped.
func (l *accessLog) write(line []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return nil // the log was ended with lines in the queue
	}
	w, n := bufio.NewWriterSize(l.file, 64<<10), uint64(1)
	_, _ = w.Write(line) // Flush returns the first error
	for range len(l.lines) {
		_, _ = w.Write(<-l.lines)
		n++
	}
	if err := w.Flush(); err != nil {
		l.dropped.Add(n)
		return err
	}
	return nil
}

// access is a request on its way into the log, and the http.ResponseWriter that
// sees what becomes of it. All methods of nil do nothing.
type access struct {
	http.ResponseWriter
	line  accessLine
	began time.Duration
}

// accessLine is a line of the access log. docs/traffic.md describes it.
type accessLine struct {
	Time        time.Time `json:"time"`
	Listener    Listener  `json:"listener"`
	Proto       string    `json:"proto"`
	TLS         bool      `json:"tls,omitempty"`
	Method      string    `json:"method"`
	Host        string    `json:"host"`
	Path        string    `json:"path"` // as it was sent, without the query
	Status      int       `json:"status"`
	Bytes       int64     `json:"bytes"`
	Duration    float64   `json:"duration_ms"`
	App         string    `json:"app,omitempty"`
	Release     string    `json:"release,omitempty"`
	Pinned      bool      `json:"pinned,omitempty"`
	RequestID   string    `json:"request_id,omitempty"`
	Traceparent string    `json:"traceparent,omitempty"`
}

// begin returns the line of a request, nil when none is wanted.
func (d *door) begin(r *http.Request) *access {
	if !d.router.access.on.Load() {
		return nil
	}
	return &access{began: d.router.clock(), line: accessLine{
		Time: d.router.now().UTC(), Listener: d.listener, Proto: r.Proto, TLS: r.TLS != nil, Method: cut(r.Method, maxWord), Host: cut(r.Host, maxWord),
		Path: cut(rawPath(r.URL), maxPath),
	}}
}

// rawPath is the path as the client sent it.
func rawPath(u *url.URL) string {
	if u.Opaque != "" {
		return u.Opaque
	}
	return u.EscapedPath()
}

// cut returns the beginning of s, marked as such where it is not the whole. It is
// a copy, so that a line does not keep its request in memory.
func cut(s string, most int) string {
	if len(s) <= most {
		return strings.Clone(s)
	}
	return s[:most] + "…"
}

// over returns w, seen by the log.
func (a *access) over(w http.ResponseWriter) http.ResponseWriter {
	if a == nil {
		return w
	}
	a.ResponseWriter = w
	return a
}

// drawn notes for whom the request was.
func (a *access) drawn(c claimed) {
	if a != nil {
		a.line.App, a.line.Pinned = c.app, c.pinned
	}
}

// passed notes by what the request is known to its version.
func (a *access) passed(out *http.Request) {
	if a != nil {
		a.line.RequestID = out.Header.Get(requestIDHeader)
		a.line.Traceparent = cut(out.Header.Get(traceparentHeader), maxWord)
	}
}

// answered notes who gave the answer. A connection that is upgraded does not go
// through the ResponseWriter.
func (a *access) answered(by *version, status int) {
	if a != nil {
		a.line.Release = by.label
		if status == http.StatusSwitchingProtocols {
			a.line.Status = status
		}
	}
}

// end hands the line of a request over to the log, and never waits.
func (d *door) end(a *access) {
	if a == nil {
		return
	}
	a.line.Duration = (d.router.clock() - a.began).Seconds() * 1e3
	line, err := json.Marshal(a.line)
	if err == nil {
		select {
		case d.router.access.lines <- append(line, '\n'):
			return
		default:
		}
	}
	d.router.access.dropped.Add(1)
}

// WriteHeader implements http.ResponseWriter. Informational answers are not the
// answer.
func (a *access) WriteHeader(status int) {
	if a.line.Status == 0 && status >= http.StatusOK {
		a.line.Status = status
	}
	a.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (a *access) Write(p []byte) (int, error) {
	if a.line.Status == 0 {
		a.line.Status = http.StatusOK
	}
	n, err := a.ResponseWriter.Write(p)
	a.line.Bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController find what the server's own writer can do.
func (a *access) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// ReopenAccessLog begins the access log's file anew when it was moved away, as
// logrotate does. Without an access log it does nothing.
func (e *Edge) ReopenAccessLog() error { return e.router.access.reopen() }

func (e *Edge) putAccessLog(w http.ResponseWriter, r *http.Request) {
	if err := e.router.access.open(r.URL.Query().Get("file")); err != nil {
		fail(w, http.StatusBadRequest, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// LogAccess makes the edge write a line for each request to the end of a file,
// named by an absolute path, from now on and until it ends; the same file again
// is opened anew. With "" it stops.
func (c *Client) LogAccess(ctx context.Context, file string) error {
	q := url.Values{"file": {file}}
	if err := c.call(ctx, http.MethodPut, "/access-log?"+q.Encode(), nil, nil); err != nil {
		return fmt.Errorf("log access: %w", err)
	}
	return nil
}
