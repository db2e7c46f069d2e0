package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	logsName = "_logs" // folder of the logs, one folder an app, beside the instances
	logExt   = ".log"
	keptLogs = 20 // instances whose logs are kept of an app
)

func (d *Driver) logPath(app, id string) string {
	return filepath.Join(d.cfg.Dir, logsName, app, id+logExt)
}

// logPaths returns the logs of an app, the oldest first; of the instances that are
// wanted alone unless that is nil.
func (d *Driver) logPaths(app string, wanted func(id string) bool) ([]string, error) {
	if !validApp.MatchString(app) {
		return nil, nil // nothing has such a name
	}
	dir := filepath.Join(d.cfg.Dir, logsName, app)
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("read logs: %w", err)
	}
	type dated struct {
		path string
		time time.Time
	}
	var found []dated
	for _, entry := range entries {
		name, isLog := strings.CutSuffix(entry.Name(), logExt)
		if !isLog || (wanted != nil && !wanted(name)) {
			continue
		}
		if info, err := entry.Info(); err == nil {
			found = append(found, dated{filepath.Join(dir, entry.Name()), info.ModTime()})
		}
	}
	slices.SortStableFunc(found, func(a, b dated) int { return a.time.Compare(b.time) })
	paths := make([]string, len(found))
	for i, f := range found {
		paths[i] = f.path
	}
	return paths, nil
}

// pruneLogs removes an app's oldest logs, but for those of instances that are
// there: one that is quiet writes to its own still.
func (d *Driver) pruneLogs(app string) {
	paths, err := d.logPaths(app, nil)
	if err != nil {
		return // whoever reads them is told
	}
	for _, path := range paths[:max(0, len(paths)-keptLogs)] {
		id := strings.TrimSuffix(filepath.Base(path), logExt)
		if !abandoned(d.dir(id)) {
			continue
		}
		_ = os.Remove(path) // tried again with the next instance
		_ = os.Remove(path + olderName)
	}
}

// Logs returns the lines of an app's instances, or of those that are wanted unless
// that is nil, in the order of time, also of instances that are gone: the last tail
// lines, or all that are kept when tail is 0. With follow it goes on with what is
// written, also by instances that come, until it is closed or ctx ends.
func (d *Driver) Logs(ctx context.Context, app string, wanted func(id string) bool, follow bool, tail int) (io.ReadCloser, error) {
	m := &merger{paths: func() ([]string, error) { return d.logPaths(app, wanted) }, known: map[string]*source{}}
	if err := m.look(); err != nil {
		return nil, err
	}
	if len(m.known) == 0 {
		return nil, fmt.Errorf("no such logs of %s are kept", app)
	}
	ctx, cancel := context.WithCancel(ctx)
	read, write := io.Pipe()
	s := &stream{PipeReader: read, cancel: cancel}
	s.copying.Go(func() {
		defer m.close()
		err := m.last(write, tail)
		for follow && err == nil && sleep(ctx, 200*time.Millisecond) {
			if err = m.look(); err == nil {
				err = m.each(func(line []byte) error { _, err := write.Write(line); return err })
			}
		}
		write.CloseWithError(err)
	})
	return s, nil
}

// stream is what Logs returns: the lines, and who writes them.
type stream struct {
	*io.PipeReader
	cancel  context.CancelFunc
	copying sync.WaitGroup
}

// Close implements io.Closer.
func (s *stream) Close() error {
	s.cancel()
	err := s.PipeReader.Close()
	s.copying.Wait()
	return err
}

// tail returns the last lines that an instance wrote itself since it was started,
// without their stamps.
func (d *Driver) tail(w waiting, most int) []string {
	m := &merger{paths: func() ([]string, error) { return d.logPaths(w.app, func(id string) bool { return id == w.id }) }, known: map[string]*source{}}
	if m.look() != nil {
		return nil
	}
	defer m.close()
	begin := w.since.UTC().Format(stampForm)
	var lines []string
	_ = m.each(func(line []byte) error { // what can be read is better than nothing
		head, text, found := strings.Cut(strings.TrimSuffix(string(line), "\n"), "|")
		when, from, _ := strings.Cut(head, " ")
		if found && from != notesName && when >= begin {
			lines = append(lines, text)
			lines = lines[max(0, len(lines)-most):]
		}
		return nil
	})
	return lines
}

// merger puts the lines of several logs in the order of time.
type merger struct {
	paths func() ([]string, error) // which logs there are now
	known map[string]*source
	order []*source
}

// look opens the logs that are new.
func (m *merger) look() error {
	paths, err := m.paths()
	if err != nil {
		return err
	}
	for _, path := range paths {
		if m.known[path] != nil {
			continue
		}
		s, err := openSource(path)
		if errors.Is(err, os.ErrNotExist) {
			continue // it was just removed
		}
		if err != nil {
			return fmt.Errorf("read log: %w", err)
		}
		m.known[path] = s
		m.order = append(m.order, s)
	}
	return nil
}

func (m *merger) close() {
	for _, s := range m.order {
		s.close()
	}
}

// each calls fn with every line that is there and was not read before.
func (m *merger) each(fn func(line []byte) error) error {
	for {
		var first *source
		for _, s := range m.order {
			line, err := s.peek()
			if err != nil && !errors.Is(err, io.EOF) {
				return fmt.Errorf("read log: %w", err)
			}
			if err == nil && (first == nil || bytes.Compare(stamp(line), stamp(first.head)) < 0) {
				first = s
			}
		}
		if first == nil {
			return nil
		}
		if err := fn(first.take()); err != nil {
			return err
		}
	}
}

// last writes the last lines of those that are there, or all when most is 0.
func (m *merger) last(w io.Writer, most int) error {
	write := func(line []byte) error { _, err := w.Write(line); return err }
	if most <= 0 {
		return m.each(write)
	}
	ring, total := [][]byte{}, 0
	err := m.each(func(line []byte) error {
		if len(ring) < most {
			ring = append(ring, line)
		} else {
			ring[total%most] = line
		}
		total++
		return nil
	})
	if err != nil {
		return err
	}
	for i := range ring {
		if err := write(ring[(total+i)%len(ring)]); err != nil {
			return err
		}
	}
	return nil
}

// stamp is the time of a line, in a form that sorts.
func stamp(line []byte) []byte { return line[:min(len(line), len(stampForm))] }
