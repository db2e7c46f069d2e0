package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// keptLogs is how many instances' logs are kept of an app.
const keptLogs = 20

// logPaths returns the logs of an app, the oldest first; of one instance when id
// is not empty.
func (d *Driver) logPaths(app, id string) ([]string, error) {
	pattern := regexp.MustCompile(`^` + regexp.QuoteMeta(app) + `(-[0-9]+(-staging)?)?\.log$`)
	dir := filepath.Join(d.cfg.Dir, logsName)
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
		name := entry.Name()
		if !pattern.MatchString(name) || (id != "" && name != id+".log") {
			continue
		}
		if info, err := entry.Info(); err == nil {
			found = append(found, dated{filepath.Join(dir, name), info.ModTime()})
		}
	}
	slices.SortFunc(found, func(a, b dated) int { return a.time.Compare(b.time) })
	paths := make([]string, len(found))
	for i, f := range found {
		paths[i] = f.path
	}
	return paths, nil
}

// pruneLogs removes an app's oldest logs.
func (d *Driver) pruneLogs(app string) {
	paths, err := d.logPaths(app, "")
	if err != nil {
		return
	}
	for _, path := range paths[:max(0, len(paths)-keptLogs)] {
		_ = os.Remove(path) // tried again with the next instance
		_ = os.Remove(path + olderName)
	}
}

// readLog returns the lines of a log, the older file first.
func readLog(path string) ([]byte, error) {
	older, err := os.ReadFile(path + olderName)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("read log: %w", err)
	}
	newer, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read log: %w", err)
	}
	return append(older, newer...), nil
}

// tail returns the last lines that an instance wrote itself, without their stamps.
func (d *Driver) tail(id string, most int) []string {
	data, err := readLog(filepath.Join(d.cfg.Dir, logsName, id+".log"))
	if err != nil {
		return nil
	}
	var lines []string
	for line := range strings.Lines(string(data)) {
		if _, text, found := strings.Cut(strings.TrimSuffix(line, "\n"), "|"); found {
			lines = append(lines, text)
		}
	}
	return lines[max(0, len(lines)-most):]
}

// Logs returns the lines of an app's instances, or of one of them, in the order
// of time: the last tail lines, or all that are kept when tail is 0. With follow
// it goes on with what is written, until it is closed or ctx ends.
func (d *Driver) Logs(ctx context.Context, app, id string, follow bool, tail int) (io.ReadCloser, error) {
	paths, err := d.logPaths(app, id)
	if err != nil {
		return nil, err
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("no logs of %s are kept", strings.TrimSpace(app+" "+id))
	}
	var lines [][]byte
	sizes := map[string]int64{}
	for _, path := range paths {
		data, err := readLog(path)
		if err != nil {
			return nil, err
		}
		if info, err := os.Stat(path); err == nil {
			sizes[path] = info.Size()
		}
		lines = append(lines, bytes.SplitAfter(data, []byte("\n"))...)
	}
	lines = slices.DeleteFunc(lines, func(l []byte) bool { return len(l) == 0 })
	slices.SortStableFunc(lines, func(a, b []byte) int { return bytes.Compare(stamp(a), stamp(b)) })
	if tail > 0 {
		lines = lines[max(0, len(lines)-tail):]
	}
	begin := bytes.Join(lines, nil)
	if !follow {
		return io.NopCloser(bytes.NewReader(begin)), nil
	}
	read, write := io.Pipe()
	go func() { write.CloseWithError(d.follow(ctx, write, begin, follower{app: app, id: id, sizes: sizes})) }()
	return read, nil
}

func stamp(line []byte) []byte { return line[:min(len(line), len(stampForm))] }

// follower is how far each log was read.
type follower struct {
	app, id string
	sizes   map[string]int64
}

func (d *Driver) follow(ctx context.Context, w io.Writer, begin []byte, f follower) error {
	if _, err := w.Write(begin); err != nil {
		return err
	}
	for sleep(ctx, 200*time.Millisecond) {
		paths, err := d.logPaths(f.app, f.id)
		if err != nil {
			return err
		}
		for _, path := range paths {
			if err := f.more(w, path); err != nil {
				return err
			}
		}
	}
	return nil
}

// more copies what a log has beyond what was read of it.
func (f follower) more(w io.Writer, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return nil // it was removed or is being rotated
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if info.Size() < f.sizes[path] {
		f.sizes[path] = 0 // it was rotated
	}
	n, err := io.Copy(w, io.NewSectionReader(file, f.sizes[path], info.Size()-f.sizes[path]))
	f.sizes[path] += n
	return err
}
