package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// memory is what was measured before, by cell and number of runs, so that a run
// that was interrupted goes on. It is a file with a line of JSON for each cell.
type memory struct {
	file  *os.File
	known map[string]remembered
}

type remembered struct {
	Key     string
	Scores  []score
	Noticed int
}

// remember opens a memory; without a path it forgets everything.
func remember(path string) (*memory, error) {
	m := &memory{known: map[string]remembered{}}
	if path == "" {
		return m, nil
	}
	old, err := os.Open(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("results: %w", err)
	}
	if err == nil {
		defer old.Close()
		lines := bufio.NewScanner(old)
		lines.Buffer(nil, 1<<26)
		for lines.Scan() {
			var r remembered
			if json.Unmarshal(lines.Bytes(), &r) == nil { // the last line may have been cut off
				m.known[r.Key] = r
			}
		}
	}
	m.file, err = os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("results: %w", err)
	}
	return m, nil
}

func (c cell) key(seed uint64) string { return fmt.Sprintf("%s, %d runs, seed %d", c, c.runs, seed) }

// measure returns what is known of the cell, or finds it out.
func (m *memory) measure(c cell, settings func() (tuning, error), seed uint64) (result, error) {
	if r, ok := m.known[c.key(seed)]; ok {
		return result{cell: c, scores: r.Scores, noticed: r.Noticed}, nil
	}
	t, err := settings()
	if err != nil {
		return result{}, err
	}
	r, err := c.measure(t, seed)
	if err != nil || m.file == nil {
		return r, err
	}
	line, err := json.Marshal(remembered{c.key(seed), r.scores, r.noticed})
	if err == nil {
		_, err = m.file.Write(append(line, '\n'))
	}
	return r, err
}

func (m *memory) close() error {
	if m.file == nil {
		return nil
	}
	return m.file.Close()
}
