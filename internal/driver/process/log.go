package process

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"

	"github.com/davit-dev/davit/internal/x/redact"
)

// The bounds of a log.
const (
	maxLog    = 8 << 20 // bytes of a file; one older file is kept beside it
	maxLine   = 8 << 10 // bytes of a line; the rest of a longer one is cut
	maxRate   = 1 << 20 // bytes a second; what is more is dropped
	olderName = ".1"    // suffix of the older file
	stampForm = "2006-01-02T15:04:05.000Z"
	notesName = "davit" // the stream of what davit says itself
)

// logFile is where a program's output goes: bounded in size and rate, so that a
// flood neither fills the disk nor blocks the program. A line of it is the time
// in UTC, the stream ("out", "err" or "davit") and the text:
// "2006-01-02T15:04:05.000Z out|text".
type logFile struct {
	path string
	hide *redact.Redactor // takes the program's secrets out

	mu      sync.Mutex
	file    *os.File
	size    int64
	begin   time.Time // of the second that the allowance is for
	left    int       // bytes
	dropped int       // lines
}

func openLog(path string) (*logFile, error) {
	l := &logFile{path: path}
	return l, l.open()
}

func (l *logFile) open() error {
	f, err := os.OpenFile(l.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open log: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		return errors.Join(fmt.Errorf("open log: %w", err), f.Close())
	}
	l.file, l.size = f, info.Size()
	return nil
}

// Close ends the log.
func (l *logFile) Close() error {
	l.settle()
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.file.Close()
}

// note writes a line of davit's own.
func (l *logFile) note(format string, args ...any) { l.write(notesName, fmt.Sprintf(format, args...)) }

// write adds a line. A log that cannot be written is no reason to stop.
func (l *logFile) write(stream, text string) {
	text = l.hide.Text(text)
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if now.Sub(l.begin) >= time.Second {
		l.mark(now)
		l.begin, l.left = now, maxRate
	}
	line := now.UTC().Format(stampForm) + " " + stream + "|" + text + "\n"
	if l.left -= len(line); l.left < 0 && stream != notesName {
		if l.dropped++; l.dropped == 1 {
			time.AfterFunc(time.Second, l.settle) // there may be no next line
		}
		return
	}
	l.put(line)
}

// settle says what was dropped so far.
func (l *logFile) settle() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mark(time.Now())
}

func (l *logFile) mark(now time.Time) {
	if l.dropped > 0 {
		l.put(fmt.Sprintf("%s %s|%d lines were dropped: more than %d bytes in a second\n",
			now.UTC().Format(stampForm), notesName, l.dropped, maxRate))
		l.dropped = 0
	}
}

func (l *logFile) put(line string) {
	if l.size >= maxLog {
		l.rotate()
	}
	n, _ := l.file.WriteString(line) // a full disk drops lines
	l.size += int64(n)
}

// rotate begins a new file. When that fails the old one grows.
func (l *logFile) rotate() {
	old := l.file
	if os.Rename(l.path, l.path+olderName) != nil || l.open() != nil {
		l.size = 0
		return
	}
	old.Close()
}

// outputs are the two streams of a program on their way into the log.
type outputs struct {
	readers, writers []*os.File
	copying          sync.WaitGroup
	log              *logFile
}

// attach gives a command pipes that end in the log.
func (l *logFile) attach(cmd *exec.Cmd) (*outputs, error) {
	o := &outputs{log: l}
	for range 2 {
		read, write, err := os.Pipe()
		if err != nil {
			o.abort()
			return nil, fmt.Errorf("attach the log: %w", err)
		}
		o.readers, o.writers = append(o.readers, read), append(o.writers, write)
	}
	cmd.Stdout, cmd.Stderr = o.writers[0], o.writers[1]
	return o, nil
}

func (o *outputs) abort() { _ = closeAll(append(o.readers, o.writers...)...) }

// started begins to copy, once the program holds the other ends.
func (o *outputs) started() {
	_ = closeAll(o.writers...)
	for i, stream := range []string{"out", "err"} {
		o.copying.Go(func() { o.log.copyLines(stream, o.readers[i]) })
	}
}

// wait returns when all output is in the log. What outlives the program may
// hold the pipes open, so it is not waited for long.
func (o *outputs) wait() {
	const limit = time.Second
	timer := time.AfterFunc(limit, func() { _ = closeAll(o.readers...) }) // ends the copying
	o.copying.Wait()
	if timer.Stop() {
		_ = closeAll(o.readers...)
	}
	o.log.settle()
}

// copyLines writes what a stream says, line by line.
func (l *logFile) copyLines(stream string, r io.Reader) {
	lines := bufio.NewReaderSize(r, maxLine)
	for {
		line, err := lines.ReadSlice('\n')
		cut := errors.Is(err, bufio.ErrBufferFull)
		if len(line) > 0 {
			l.write(stream, string(bytes.TrimRight(line, "\r\n")))
		}
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = lines.ReadSlice('\n')
		}
		if cut {
			l.note("the line before was cut after %d bytes", maxLine)
		}
		if err != nil {
			return
		}
	}
}
